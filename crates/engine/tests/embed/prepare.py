#!/usr/bin/env python3
"""Writes expected.json: texts, their tokens and their vectors, as sentence-transformers computes them.

    .cache/peers/bin/python crates/engine/tests/embed/prepare.py MODEL_FOLDER

MODEL_FOLDER is that of `hone show all-minilm-l6-v2`. Vectors are those of SentenceTransformer.encode: mean of the
last hidden states, divided by its length, with at most 256 tokens. Where sentence-transformers is installed it
computes them itself; otherwise transformers does, which is what it is made of.
"""

import base64
import json
import pathlib
import sys

import numpy
import torch
from tokenizers import Tokenizer
from transformers import BertModel

LONG = "The quick brown fox jumps over the lazy dog while the compiler waits for the linker. " * 30

TEXTS = [
    "", " ", "a", "?", "Hello, world!", "How do I sort a list in Python?", "fn main() { println!(\"{}\", 1 + 2); }",
    "def add(a: int, b: int) -> int:\n    return a + b\n", "SELECT name, COUNT(*) FROM users GROUP BY name;",
    "the mitochondria is the powerhouse of the cell", "Kubernetes pods restart after OOMKilled", "naïve café résumé Ångström",
    "Wie sortiere ich eine Liste?", "¿Cómo ordeno una lista?", "如何对列表进行排序？", "リストを並べ替えるには", "정렬하는 방법",
    "как отсортировать список", "كيف أرتب قائمة", "סידור רשימה", "Ελληνικά με τόνους", "İstanbul ŞĞÜ ßẞ", "ﬁ ligature ﬀ",
    "emoji 😀👍🏽 and 👨‍👩‍👧‍👦", "zero\u200bwidth\u200djoin \ufeffbom", "tab\tnew\nline\r\nend", "control \x01\x02 characters\x7f",
    "x" * 99, "x" * 100, "x" * 101, "supercalifragilisticexpialidocious", "don't can't won't it's", "C++ C# F# .NET Node.js",
    "https://example.com/path?query=1&other=2#fragment", "/usr/local/bin/rustc --edition 2024 -O main.rs",
    "error[E0502]: cannot borrow `x` as mutable because it is also borrowed as immutable", "$100 + 50% = ~€99^2 <tag> | pipe `tick`",
    "1234567890 3.14159 0xDEADBEEF 1e-9", "snake_case_name camelCaseName SCREAMING_CASE kebab-case", "—em–dash… “quotes” «guillemets»",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z", "e\u0301 combining acute, \u1100\u1161\u11a8 jamo", "मैं सूची कैसे क्रमबद्ध करूँ",
    "ทดสอบภาษาไทย", "𝕳𝖊𝖑𝖑𝖔 𝔪𝔞𝔱𝔥", "\u00a0nbsp\u2003em space\u3000ideographic", "No newline at end of file",
    "let's refactor this function so that it streams instead of buffering the whole file", LONG, LONG + "!", "word " * 253,
    "word " * 254, "word " * 255, "word " * 600,
]


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    tokens = [tokenizer.encode(text).ids for text in TEXTS]
    try:
        from sentence_transformers import SentenceTransformer
        source = "sentence-transformers"
        model = SentenceTransformer(str(folder), device="cpu")
        model.max_seq_length = 256  # what the model's sentence_bert_config.json says
        vectors = model.encode(TEXTS, normalize_embeddings=True)
    except ImportError:
        source = "transformers"
        model = BertModel.from_pretrained(folder, add_pooling_layer=False).float().eval()
        vectors = [vector(model, ids) for ids in tokens]
    rows = []
    for text, ids, v in zip(TEXTS, tokens, vectors):
        half = numpy.asarray(v, dtype="<f4").tobytes()
        rows.append({"text": text, "tokens": ids if len(ids) < 40 else len(ids), "vector": base64.b64encode(half).decode()})
    out = pathlib.Path(__file__).with_name("expected.json")
    out.write_text(json.dumps({"source": source, "rows": rows}, ensure_ascii=True, indent=0) + "\n")
    print(f"{len(rows)} texts by {source}: {out.stat().st_size} bytes")


def vector(model: BertModel, ids: list[int]) -> numpy.ndarray:
    with torch.inference_mode():
        mean = model(torch.tensor([ids])).last_hidden_state[0].mean(dim=0)
        return torch.nn.functional.normalize(mean, dim=0).numpy()


if __name__ == "__main__":
    main()
