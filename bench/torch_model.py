"""A GGUF file as a transformers model: the same weights that hone reads, dequantised, and the same tokens.

Needs torch, transformers, gguf and numpy. `python torch_model.py FILE.gguf FOLDER` writes a checkpoint in f32.
"""

import json
import pathlib
import sys

import gguf
import numpy as np
import torch
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

KINDS = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3"}
PARTS = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"} | PARTS
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
LINEAR = [name.split(".")[1] for name in PARTS if name.endswith("_proj")]


def load(path, dtype=torch.float32):
    """The model in evaluation mode. A tensor of the file that finds no place is an error."""
    reader = gguf.GGUFReader(path)
    config = configuration(reader)
    model = getattr(transformers, f"{KINDS[architecture(reader)]}ForCausalLM")(config).float().eval()
    stored = {tensor.name: tensor for tensor in reader.tensors}
    with torch.no_grad():
        for name, weight in model.named_parameters():
            tensor = stored.pop(gguf_name(name))
            data = gguf.dequantize(tensor.data, tensor.tensor_type).reshape(weight.shape)
            weight.copy_(torch.tensor(np.array(unpermute(data, permuted_heads(config, tensor.name)))))
    if stored:
        raise SystemExit(f"{path}: transformers has no place for {', '.join(stored)}")
    return model.to(dtype)


def save(path, folder):
    """A checkpoint with its tokenizer, as Hugging Face's programs read it."""
    load(path).save_pretrained(folder)
    # mlx-lm looks for the base of RoPE where transformers wrote it until version 5.
    config = pathlib.Path(folder) / "config.json"
    fields = json.loads(config.read_text())
    config.write_text(json.dumps(fields | {"rope_theta": fields["rope_parameters"]["rope_theta"]}, indent=2) + "\n")
    tokenizer(gguf.GGUFReader(path)).save_pretrained(folder)


def tokenizer(reader):
    value = lambda key: reader.fields[f"tokenizer.{key}"].contents() if f"tokenizer.{key}" in reader.fields else None
    tokens = value("ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in value("ggml.merges")]
    fast = Tokenizer(models.BPE({token: n for n, token in enumerate(tokens)}, merges))
    split = {
        "smollm": lambda: [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)],
        "qwen2": lambda: [pre_tokenizers.Split(Regex(QWEN2), "isolated"),
                          pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)],
    }[value("ggml.pre")]  # fmt: skip
    fast.pre_tokenizer = pre_tokenizers.Sequence(split())
    fast.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, value("ggml.token_type")) if kind == 3]
    fast.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    special = {f"{name}_token": tokens[value(f"ggml.{name}_token_id")] for name in ("bos", "eos")}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=fast, chat_template=value("chat_template"), clean_up_tokenization_spaces=False, **special
    )


def architecture(reader):
    return reader.fields["general.architecture"].contents()


def configuration(reader):
    arch = architecture(reader)
    value = lambda key, default=None: reader.fields[f"{arch}.{key}"].contents() if f"{arch}.{key}" in reader.fields else default
    heads, width = value("attention.head_count"), value("embedding_length")
    if value("rope.scaling.type", "none") != "none":
        raise SystemExit("files with scaled RoPE are not read here")
    return getattr(transformers, f"{KINDS[arch]}Config")(
        vocab_size=len(reader.fields["tokenizer.ggml.tokens"].contents()),
        hidden_size=width,
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=value("attention.head_count_kv"),
        head_dim=value("attention.key_length", width // heads),
        max_position_embeddings=value("context_length"),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": value("rope.freq_base", 10000.0)},
        tie_word_embeddings=not any(tensor.name == "output.weight" for tensor in reader.tensors),
        use_cache=False,
    )


def gguf_name(name):
    """`model.layers.3.self_attn.q_proj.weight` is `blk.3.attn_q.weight`."""
    stem, _, suffix = name.rpartition(".")
    if stem.startswith("model.layers."):
        _, _, n, part = stem.split(".", 3)
        return f"blk.{n}.{PARTS[part]}.{suffix}"
    return f"{NAMES[stem]}.{suffix}"


def permuted_heads(config, name):
    """Number of heads whose rows a file permutes for interleaved RoPE, or None."""
    if config.model_type != "llama" or not name.startswith("blk."):
        return None
    return {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(name.split(".")[2])


def permute(rows, heads):
    """Halves to neighbours, as converters to GGUF do for architecture llama."""
    if heads is None:
        return rows
    return rows.reshape(heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def unpermute(rows, heads):
    if heads is None:
        return rows
    return rows.reshape(heads, -1, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


if __name__ == "__main__":
    save(*map(pathlib.Path, sys.argv[1:]))
