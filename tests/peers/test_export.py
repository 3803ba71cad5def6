"""What hone exports gives the same logits in peft, mlx-lm and llama.cpp as in hone."""

import struct
import subprocess
import unittest

import numpy as np
import tiny as tinies

CONTEXT = 32


class Exported(unittest.TestCase):
    def each(self, check):
        for case in tinies.CASES:
            with self.subTest(case):
                tiny = tinies.Tiny(case)
                check(tiny, tinies.imported(tiny.lora_gguf(tinies.new("lora.gguf")), tiny))

    def test_peft(self):
        def check(tiny, adapter):
            found = tinies.peft_logits(tiny, tinies.exported(adapter, "peft", tiny))
            tinies.assert_same(self, found, tinies.hone_logits(tiny, adapter), tinies.hone_logits(tiny))

        self.each(check)

    def test_mlx(self):
        try:
            import mlx_peer
        except ImportError as error:
            self.skipTest(f"mlx-lm is not installed: {error}")

        def check(tiny, adapter):
            found = mlx_peer.logits(tiny, tinies.exported(adapter, "mlx", tiny))
            tinies.assert_same(self, found, tinies.hone_logits(tiny, adapter), tinies.hone_logits(tiny))

        self.each(check)

    def test_llama_cpp(self):
        if not tinies.llama_programs():
            self.skipTest("llama.cpp is not built (bench/compare.py does it)")

        def check(tiny, adapter):
            tokens, found = llama_cpp(tiny, tinies.exported(adapter, "gguf", tiny))
            rows = slice(CONTEXT // 2, CONTEXT - 1)
            expected = log_softmax(tinies.hone_logits(tiny, adapter, tokens))[rows]
            base = log_softmax(tinies.hone_logits(tiny, tokens=tokens))[rows]
            # llama.cpp cuts off what is 16 nats below the most likely token, and stores 16 bits.
            expected, base = (np.maximum(each, each.max(1, keepdims=True) - 16) for each in (expected, base))
            tinies.assert_same(self, found, expected, base)

        self.each(check)


def llama_cpp(tiny, adapter):
    """Tokens of one context, and log-probabilities for the positions of its second half but the last."""
    text, out = tinies.new("text"), tinies.new("logits")
    text.write_text("the quick brown fox jumps over the lazy dog, and the sum of the numbers is printed. " * 4)
    command = [tinies.llama_programs() / "llama-perplexity", "-m", tiny.path, "--lora", adapter, "-f", text, "-c", CONTEXT,
               "-b", CONTEXT, "--chunks", 1, "--kl-divergence-base", out, "-fa", "off", "-ctk", "f32", "-ctv", "f32", "-t", 2]  # fmt: skip
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if run.returncode != 0:
        raise AssertionError(f"llama-perplexity ended with {run.returncode}: {run.stderr[-2000:]}")
    data = out.read_bytes()
    context, vocab, chunks = struct.unpack_from("<III", data, 8)
    tokens = list(struct.unpack_from(f"<{context}i", data, 20))
    at, rows = 20 + 4 * context * chunks, []
    for _ in range(context - 1 - context // 2):
        scale, least = struct.unpack_from("<ff", data, at)
        rows.append(scale * np.frombuffer(data, "<u2", vocab, at + 8) + least)
        at += 8 + 2 * (vocab + vocab % 2)
    return tokens, np.array(rows)


def log_softmax(logits):
    top = logits.max(1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))


if __name__ == "__main__":
    unittest.main()
