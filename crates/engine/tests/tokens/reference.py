"""Writes a vocabulary, lines of text and the tokens that another tokenizer gives them into one GGUF file.

    reference.lines                   texts
    reference.text, .text_len         their tokens where control tokens are only text, one after the other; counts
    reference.control, .control_len   their tokens where control tokens are found
    reference.ids, .ids_len           token sequences to decode
    reference.decoded, .skipped       their texts, with control tokens and without
"""

import random

import gguf

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


def write(path, vocabulary, lines, encode_text, encode_control, decode):
    """`vocabulary(writer)` adds `tokenizer.*`; `decode(ids, skip)` gives the text of ids or None to leave them out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(None, "llama")
    vocabulary(writer)
    writer.add_array("reference.lines", lines)
    text, control = [encode_text(line) for line in lines], [encode_control(line) for line in lines]
    add_lists(writer, "reference.text", text)
    add_lists(writer, "reference.control", control)
    add_decoded(writer, control, decode)
    temporary = path.with_suffix(".part")
    writer.write_header_to_file(temporary)
    writer.write_kv_data_to_file()
    writer.close()
    temporary.rename(path)


def add_lists(writer, key, lists):
    flat = [int(number) for numbers in lists for number in numbers]
    add_numbers(writer, key, flat)
    add_numbers(writer, key + "_len", [len(numbers) for numbers in lists])


def add_numbers(writer, key, numbers):
    small = max(numbers, default=0) < 1 << 16
    kind = gguf.GGUFValueType.UINT16 if small else gguf.GGUFValueType.UINT32
    writer.add_key_value(key, numbers, gguf.GGUFValueType.ARRAY, sub_type=kind)


def add_decoded(writer, encoded, decode):
    """Half sequences, so that characters are cut, and random tokens, so that bytes do not fit together."""
    rng = random.Random(99)
    sequences = [ids[rng.randrange(len(ids)) :][: rng.randint(1, 30)] for ids in encoded if ids]
    known = sorted({id for ids in encoded for id in ids})
    sequences += [rng.choices(known, k=rng.randint(1, 20)) for _ in range(len(encoded) // 4)]
    add_lists(writer, "reference.ids", sequences)
    writer.add_array("reference.decoded", [decode(ids, False) for ids in sequences])
    writer.add_array("reference.skipped", [decode(ids, True) for ids in sequences])


def add_bpe(writer, pre, tokens, types, merges):
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
