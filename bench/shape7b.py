"""Writes a model with the shape of a 7B Qwen2 in Q4_K_M and random weights, for speed and memory: it has no words.

usage: shape7b.py OUT [LAYERS]     (needs the packages gguf and numpy)
"""

import sys

import gguf
import numpy as np

WIDTH, FEED_FORWARD, HEADS, KV_HEADS, HEAD, VOCAB = 3584, 18944, 28, 4, 128, 152064
Type = gguf.GGMLQuantizationType
rng = np.random.default_rng(0)


def blocks(rows: int, cols: int, kind: Type) -> np.ndarray:
    """Random blocks with scales so small that activations stay finite through all layers."""
    size = {Type.Q4_K: 144, Type.Q6_K: 210}[kind]
    count = rows * cols // 256
    # Random numbers are slow to make; a megabyte of them is repeated.
    pattern = rng.integers(0, 256, (min(count, 8192), size), dtype=np.uint8)
    scale = lambda value: np.frombuffer(np.float16(value).tobytes(), np.uint8)
    if kind == Type.Q4_K:
        pattern[:, 0:2], pattern[:, 2:4] = scale(2e-5), scale(1.5e-4)
    else:
        pattern[:, 208:210] = scale(1e-5)
    return np.resize(pattern, (count, size)).reshape(rows, -1)


def tokens() -> tuple[list[str], list[int]]:
    """Names and kinds: the bytes as the byte-level alphabet writes them, the control tokens of Qwen, and fillers."""
    names, kinds = [f"<t{i}>" for i in range(VOCAB)], [gguf.TokenType.NORMAL] * VOCAB
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    alphabet = [chr(b) for b in printable] + [chr(256 + n) for n in range(len(others))]
    names[:256] = alphabet
    for i, name in ((151643, "<|endoftext|>"), (151644, "<|im_start|>"), (151645, "<|im_end|>")):
        names[i], kinds[i] = name, gguf.TokenType.CONTROL
    return names, kinds


def metadata(w: gguf.GGUFWriter, layers: int) -> None:
    w.add_name("7b-shaped-random")
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    w.add_block_count(layers)
    w.add_context_length(32768)
    w.add_embedding_length(WIDTH)
    w.add_feed_forward_length(FEED_FORWARD)
    w.add_head_count(HEADS)
    w.add_head_count_kv(KV_HEADS)
    w.add_rope_freq_base(1e6)
    w.add_layer_norm_rms_eps(1e-6)
    names, kinds = tokens()
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2")
    w.add_token_list(names)
    w.add_token_types(kinds)
    w.add_token_merges(["Ġ t"])
    w.add_eos_token_id(151645)
    w.add_add_bos_token(False)


def tensors(w: gguf.GGUFWriter, layers: int) -> None:
    def matrix(name: str, rows: int, cols: int, kind: Type = Type.Q4_K) -> None:
        w.add_tensor(f"{name}.weight", blocks(rows, cols, kind), raw_dtype=kind)

    def vector(name: str, values: np.ndarray) -> None:
        w.add_tensor(name, values.astype(np.float32))

    kv = KV_HEADS * HEAD
    matrix("token_embd", VOCAB, WIDTH)
    matrix("output", VOCAB, WIDTH, Type.Q6_K)
    vector("output_norm.weight", np.ones(WIDTH))
    for i in range(layers):
        # Q4_K_M keeps more bits where they matter most: the ends and every third layer between.
        eighth = layers // 8
        wide = i < eighth or i >= 7 * eighth or (i - eighth) % 3 == 2
        better = Type.Q6_K if wide else Type.Q4_K
        layer = f"blk.{i}"
        vector(f"{layer}.attn_norm.weight", np.ones(WIDTH))
        vector(f"{layer}.ffn_norm.weight", np.ones(WIDTH))
        matrix(f"{layer}.attn_q", WIDTH, WIDTH)
        matrix(f"{layer}.attn_k", kv, WIDTH)
        matrix(f"{layer}.attn_v", kv, WIDTH, better)
        matrix(f"{layer}.attn_output", WIDTH, WIDTH)
        for part, width in (("q", WIDTH), ("k", kv), ("v", kv)):
            vector(f"{layer}.attn_{part}.bias", rng.normal(0, 0.02, width))
        matrix(f"{layer}.ffn_gate", FEED_FORWARD, WIDTH)
        matrix(f"{layer}.ffn_up", FEED_FORWARD, WIDTH)
        matrix(f"{layer}.ffn_down", WIDTH, FEED_FORWARD, better)


def main() -> None:
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    layers = int(sys.argv[2]) if len(sys.argv) == 3 else 28
    # A file that is written as it grows needs no memory for all tensors.
    w = gguf.GGUFWriter(sys.argv[1], "qwen2", use_temp_file=True)
    metadata(w, layers)
    tensors(w, layers)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    main()
