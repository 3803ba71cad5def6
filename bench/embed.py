#!/usr/bin/env python3
"""Measures hone's embeddings beside those of PyTorch, in turns.

    bench/embed.py --model FOLDER [--python .cache/peers/bin/python] [--seconds 5] [--pairs 2]

FOLDER is that of `hone show all-minilm-l6-v2`. The texts are functions of this repository's own sources. Needs
`cargo build --release -p engine --example embed_speed`.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]

TORCH = """
import json, sys, time, torch
from tokenizers import Tokenizer
from transformers import BertModel
folder, file, threads, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
torch.set_num_threads(threads)
tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
tokenizer.enable_padding()
tokenizer.enable_truncation(256)
model = BertModel.from_pretrained(folder, add_pooling_layer=False).float().eval()
texts = sorted((json.loads(line) for line in open(file)), key=len)

def embed(texts):
    rows = tokenizer.encode_batch(texts)
    ids, mask = (torch.tensor([getattr(row, name) for row in rows]) for name in ("ids", "attention_mask"))
    hidden = model(ids, attention_mask=mask).last_hidden_state
    weight = mask.unsqueeze(2)
    return torch.nn.functional.normalize((hidden * weight).sum(1) / weight.sum(1), dim=1), int(mask.sum())

def all_texts():
    return sum(embed(texts[at:at + 32])[1] for at in range(0, len(texts), 32))

with torch.inference_mode():
    all_texts()
    began, rounds, tokens = time.monotonic(), 0, 0
    while time.monotonic() - began < seconds:
        tokens += all_texts()
        rounds += 1
    took = time.monotonic() - began
    single = []
    for n in range(200):
        start = time.monotonic()
        embed([texts[n % len(texts)]])
        single.append((time.monotonic() - start) * 1e3)
single.sort()
print(json.dumps({"texts_per_s": rounds * len(texts) / took, "tokens_per_s": tokens / took,
                  "single_ms_p50": single[100], "single_ms_p95": single[190]}))
"""


def texts(count):
    """Passages of this repository's sources, of 5 to 40 lines."""
    found = []
    for path in sorted(ROOT.glob("crates/*/src/**/*.rs")):
        lines = path.read_text().splitlines()
        found += ["\n".join(lines[at:at + 5 + len(found) % 36]) for at in range(0, len(lines), 45)]
    return [text for text in found if text.strip()][:count]


def run(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--python", default=str(ROOT / ".cache/peers/bin/python"))
    parser.add_argument("--threads", default="2")
    parser.add_argument("--seconds", default="5")
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--texts", type=int, default=200)
    options = parser.parse_args()
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("".join(json.dumps(text) + "\n" for text in texts(options.texts)))
        file.flush()
        ours = [str(ROOT / "target/release/examples/embed_speed"), options.model, file.name, options.threads]
        for _ in range(options.pairs):
            for name, command in [
                ("hone fast", [*ours, "fast", options.seconds]),
                ("hone exact", [*ours, "exact", options.seconds]),
                ("torch", [options.python, "-c", TORCH, options.model, file.name, options.threads, options.seconds]),
            ]:
                result = run(command)
                print(f"{name:12}" + "  ".join(f"{key} {value:.2f}" for key, value in result.items()), flush=True)


if __name__ == "__main__":
    main()
