#!/usr/bin/env python3
"""Makes the small vocabularies of this folder, with the tokens that their trainers give to 400 lines.

    pip install tokenizers==0.22.2 sentencepiece==0.2.1 gguf==0.19.0
    python make_tiny.py

One byte-level vocabulary for every way to cut text into words, and one of SentencePiece.
"""

import io
import json
import pathlib

import corpus
import reference
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, trainers
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

HERE = pathlib.Path(__file__).parent
CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<unk>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]
# Qwen's and Llama 3's templates write these.
CONTROLS += ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
USER_DEFINED = ["<think>", "</think>", "<tool_response>"]
LINES, LONGEST = 400, 120

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def split(pattern):
    return Split(Regex(pattern), "isolated")


# What each model's tokenizer.json says; `default` is llama.cpp's for files that name none.
WORDS = {
    "gpt-2": [ByteLevel(False, use_regex=True)],
    "smollm": [Digits(individual_digits=True), ByteLevel(False, use_regex=True)],
    "qwen2": [split(LLAMA3.replace("{1,3}", "")), ByteLevel(False, use_regex=False)],
    "llama-bpe": [split(LLAMA3), ByteLevel(False, use_regex=False)],
    "default": [
        split(r"[\p{P}\$\+<=>\^~\|]+"),
        split(GPT2),
        split(r"\p{N}+"),
        split("[0-9][0-9][0-9]"),
        ByteLevel(False, use_regex=False),
    ],
}


def byte_level(pre, lines):
    made = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
    made.pre_tokenizer = Sequence(WORDS[pre])
    made.decoder = decoders.ByteLevel()
    if pre == "qwen2":
        made.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=CONTROLS, initial_alphabet=sorted(ByteLevel.alphabet()), show_progress=False
    )
    made.train_from_iterator([line for line in lines if "<" not in line], trainer)
    described = json.loads(made.to_str())
    vocabulary, merges = described["model"]["vocab"], described["model"]["merges"]
    added = [AddedToken(token, normalized=False, special=False) for token in USER_DEFINED]
    made.add_tokens(added)
    text = Tokenizer.from_str(json.dumps(dict(described, added_tokens=[])))
    text.add_tokens(added)

    tokens = sorted(vocabulary, key=vocabulary.get) + USER_DEFINED
    types = [reference.CONTROL if token in CONTROLS else reference.NORMAL for token in tokens]
    types[-len(USER_DEFINED) :] = [reference.USER_DEFINED] * len(USER_DEFINED)

    def write(writer):
        reference.add_bpe(writer, pre, tokens, types, [" ".join(merge) for merge in merges])
        bos, eos = ("<|begin_of_text|>", "<|eot_id|>") if pre == "llama-bpe" else ("<|im_start|>", "<|im_end|>")
        writer.add_bos_token_id(tokens.index(bos))
        writer.add_eos_token_id(tokens.index(eos))

    reference.write(
        HERE / f"{pre}.gguf",
        write,
        lines,
        lambda line: text.encode(line, add_special_tokens=False).ids,
        lambda line: made.encode(line, add_special_tokens=False).ids,
        lambda ids, skip: made.decode(ids, skip_special_tokens=skip),
    )


def sentence_piece(lines):
    model = io.BytesIO()
    controls = [token for token in CONTROLS if token not in ("<unk>",)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus.PROSE + corpus.CODE),
        model_writer=model,
        model_type="bpe",
        vocab_size=1200,
        byte_fallback=True,
        character_coverage=0.98,
        control_symbols=controls,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        minloglevel=2,
    )
    made = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    size = made.vocab_size()
    tokens = [made.id_to_piece(n) for n in range(size)]

    def kind(n):
        if made.is_unknown(n):
            return reference.UNKNOWN
        return reference.CONTROL if made.is_control(n) else reference.BYTE if made.is_byte(n) else reference.NORMAL

    def write(writer):
        writer.add_tokenizer_model("llama")
        writer.add_token_list(tokens)
        writer.add_token_scores([made.get_score(n) for n in range(size)])
        writer.add_token_types([kind(n) for n in range(size)])
        writer.add_bos_token_id(made.bos_id())
        writer.add_eos_token_id(made.eos_id())
        writer.add_unk_token_id(made.unk_id())

    special = {token: n for n, token in enumerate(tokens) if kind(n) in (reference.CONTROL, reference.UNKNOWN)}

    def control(line):
        """Hugging Face's Llama tokenizers cut at control tokens first, then encode each part as a text."""
        ids, plain, at = [], 0, 0
        while at < len(line):
            found = max((t for t in special if line.startswith(t, at)), key=len, default=None)
            if found is None:
                at += 1
                continue
            ids += made.encode(line[plain:at]) + [special[found]]
            plain = at = at + len(found)
        return ids + made.encode(line[plain:])

    def decode(ids, skip):
        """Bytes of the tokens, the space in front of the first word taken away."""
        out = []
        for n in ids:
            if kind(n) == reference.BYTE:
                out.append(bytes([int(tokens[n][3:5], 16)]))
            elif kind(n) == reference.NORMAL:
                out.append(tokens[n].replace("▁", " ").encode())
            elif not skip:
                out.append(tokens[n].encode())
        text = per_byte(b"".join(out))
        return text[1:] if text.startswith(" ") else text

    reference.write(HERE / "sentencepiece.gguf", write, lines, made.encode, control, decode)


def per_byte(data):
    """SentencePiece writes one U+FFFD for every byte that is not UTF-8."""
    out = ""
    while data:
        try:
            return out + data.decode()
        except UnicodeDecodeError as error:
            out += data[: error.start].decode() + "\ufffd" * (error.end - error.start)
            data = data[error.end :]
    return out


def main():
    lines = corpus.lines(LINES, CONTROLS + USER_DEFINED + ["<s>", "</s>", "<0x0A>"], sources=False, longest=LONGEST)
    for pre in WORDS:
        byte_level(pre, lines)
    # SentencePiece's Python interface ends a text at a NUL.
    sentence_piece([line for line in lines if "\0" not in line])


if __name__ == "__main__":
    main()
