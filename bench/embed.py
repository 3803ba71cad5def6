#!/usr/bin/env python3
"""Measures hone's embeddings beside those of PyTorch and of candle, in turns, and keeps the medians in bench/record/.

The texts are functions of this repository's own sources, the model is all-MiniLM-L6-v2 in all of them. Both programs are
built here: hone's example `embed_speed`, and the one in bench/candle/ with the instructions of this machine. Vectors of
the same text must agree.

usage: bench/embed.py [--model FOLDER] [--python .cache/peers/bin/python] [--seconds 5] [--pairs 3] [--no-record]
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import tempfile

import compare

ROOT = compare.ROOT
FIELDS = ["date", "commit", "processor", "threads", "case", "unit", "hone", "peer", "peer_value", "ratio", "pairs", "hone_runs",
          "peer_runs"]  # fmt: skip
MEASURES = {"texts_per_s": "texts/s", "single_ms_p50": "ms", "single_ms_p95": "ms"}

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
texts = sorted((json.loads(line) for line in open(file)), key=lambda text: len(text.encode()))

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
print(json.dumps({"texts_per_s": rounds * len(texts) / took, "tokens_per_s": tokens / took, "single_ms_p50": single[100],
                  "single_ms_p95": single[190], "first": embed(texts[:1])[0][0].tolist()}))
"""


def texts(count):
    """Passages of this repository's sources, of 5 to 40 lines."""
    found = []
    for path in sorted(ROOT.glob("crates/*/src/**/*.rs")):
        lines = path.read_text().splitlines()
        found += ["\n".join(lines[at:at + 5 + len(found) % 36]) for at in range(0, len(lines), 45)]
    return [text for text in found if text.strip()][:count]


def built() -> tuple[pathlib.Path, pathlib.Path]:
    """hone's program and candle's."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    subprocess.run(["cargo", "build", "--release", "-q", "-p", "engine", "--example", "embed_speed"], cwd=ROOT, check=True)
    native = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "bench/target"), "RUSTFLAGS": "-C target-cpu=native"}
    subprocess.run(["cargo", "build", "--release", "-q", "--locked"], cwd=ROOT / "bench/candle", env=native, check=True)
    return target / "release/examples/embed_speed", ROOT / "bench/target/release/candle-embed"


def run(command, threads: str) -> dict:
    environment = {**os.environ, "RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true"}
    out = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return json.loads(out.splitlines()[-1])


def agree(results: dict) -> None:
    """The same text has the same vector in all of them, to what hone rounds."""
    reference = results["torch"]["first"]
    for name, result in results.items():
        cosine = sum(a * b for a, b in zip(reference, result["first"]))
        if cosine < 0.999:
            raise SystemExit(f"{name} computes another vector than torch: cosine {cosine:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(ROOT / ".cache/models/all-minilm-l6-v2"), help="the folder of the model")
    parser.add_argument("--python", default=str(ROOT / ".cache/peers/bin/python"), help="with torch and transformers")
    parser.add_argument("--threads", default=str(os.cpu_count()))
    parser.add_argument("--seconds", default="5", help="of each run")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--no-record", action="store_true", help="print only")
    options = parser.parse_args()
    ours, candle = built()
    runs = []
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("".join(json.dumps(text) + "\n" for text in texts(options.texts)))
        file.flush()
        model, threads, seconds = options.model, options.threads, options.seconds
        commands = {"hone": [ours, model, file.name, threads, "fast", seconds],
                    "hone exact": [ours, model, file.name, threads, "exact", seconds],
                    "torch": [options.python, "-c", TORCH, model, file.name, threads, seconds],
                    "candle": [candle, model, file.name, seconds]}  # fmt: skip
        for _ in range(options.pairs):
            runs.append({name: run(command, threads) for name, command in commands.items()})
            agree(runs[-1])
    versions = {"torch": re.search(r"^torch==(.*)", (ROOT / "tests/peers/requirements.txt").read_text(), re.M)[1],
                "candle": re.search(r'candle-core"\nversion = "(.*)"', (ROOT / "bench/candle/Cargo.lock").read_text())[1]}
    rows = []
    for measure, unit in MEASURES.items():
        for name in ("hone", "hone exact"):
            for peer in versions:
                row = compare.summary(f"{name.replace('hone', 'embed')} {measure}".replace(" ", "-"), unit,
                                      [one[name][measure] for one in runs], [one[peer][measure] for one in runs], "peer")
                row |= {"peer_value": row.pop("peer"), "peer": f"{peer} {versions[peer]}"}
                print(f"{row['case']:28} {unit:8} hone {row['hone']:>7}   {row['peer']:14} {row['peer_value']:>7}   ratio {row['ratio']}")
                rows.append(row)
    if not options.no_record:
        fixed = {"date": datetime.date.today().isoformat(), "commit": compare.commit(), "processor": compare.processor(),
                 "threads": options.threads}  # fmt: skip
        print(f"recorded in {compare.record([fixed | row for row in rows], FIELDS, '-embed').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
