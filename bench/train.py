#!/usr/bin/env python3
"""Measures LoRA training by hone and by torch + PEFT in turns on this machine, and keeps the medians in bench/record/.

One command does everything: builds hone, installs torch and PEFT, fetches the starter model, gives torch the same
weights dequantised, measures, and appends a CSV row for each case. Both train rank 8 on all linear layers.

usage: bench/train.py [--only CASE[,CASE]] [--data FILE] [--rows N] [--pairs N] [--threads N] [--cache DIR]
                      [--hone PATH] [--python PATH] [--no-record]
cases: 512-bf16 512-f32 512-bf16-compiled        512 tokens, all of them targets; tokens/s and peak memory
       512-bf16-checkpointing 512-f32-checkpointing    the same; the peer recomputes activations
       chat-bf16 chat-f32     rows of --data as they come, at most 512 tokens, prompts masked, a step each; examples/s
       run-bf16 run-f32       the same rows as `hone train` takes them by default: an update after 48 of them, for which
                              hone computes short rows together and the peer takes one after the other
       of-prefill 7b          hone alone: training speed over its own prefill speed; a 7B-shaped file
The names say what the peer does; hone runs the same in all cases of a kind.
"""

import argparse
import datetime
import json
import os
import random
import subprocess
from pathlib import Path

import compare
import peer as peers

ROOT = compare.ROOT
RANK, TOKENS = 8, 512
FIELDS = ["date", "commit", "processor", "threads", "case", "unit", "hone", "torch_peft", "ratio", "pairs",
          "hone_version", "torch_peft_version", "hone_runs", "torch_peft_runs"]  # fmt: skip
SETTINGS = {
    "bf16": ["--dtype", "bf16"],
    "f32": ["--dtype", "f32"],
    "bf16-compiled": ["--dtype", "bf16", "--compile"],
    "bf16-checkpointing": ["--dtype", "bf16", "--checkpointing"],
    "f32-checkpointing": ["--dtype", "f32", "--checkpointing"],
}


class Torch:
    """torch + PEFT; every measurement is a process of its own."""

    def __init__(self, python: Path, checkpoint: Path, threads: int):
        self.python, self.checkpoint, self.threads = python, checkpoint, threads
        code = "import torch, peft; print(f'torch {torch.__version__} peft {peft.__version__}')"
        self.version = subprocess.check_output([python, "-c", code], text=True).strip()

    def train(self, setting: str, *what) -> dict:
        out, rss = peers.run([self.python, ROOT / "bench/torch_peer.py", self.checkpoint, "--threads", self.threads,
                              "--seq", TOKENS, "--rank", RANK, *SETTINGS[setting], *what])  # fmt: skip
        return json.loads(out.splitlines()[-1]) | {"train_peak_rss_bytes": rss}


class Hone(compare.Hone):
    def train(self, model: Path, *what) -> dict:
        out, _ = peers.run([self.program, "bench", "--train", "--model", model, "--threads", self.threads,
                            "--seq", TOKENS, "--rank", RANK, "--json", *what])  # fmt: skip
        return json.loads(out)


def checkpoint(python: Path, model: Path, folder: Path) -> Path:
    """The model's weights dequantised, as transformers reads them."""
    if not folder.exists():
        part = folder.with_suffix(".part")
        peers.run([python, ROOT / "bench/torch_model.py", model, part])
        part.rename(folder)
    return folder


def chats(source: Path, count: int, target: Path) -> Path:
    """A seeded choice of rows as chats, one in each line: both programs read the same file."""
    text = source.read_text(encoding="utf-8")
    rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line]
    chosen = random.Random(0).sample(rows, min(count, len(rows)))
    target.write_text("".join(json.dumps(chat(row)) + "\n" for row in chosen), encoding="utf-8")
    return target


def chat(row: dict) -> dict:
    if "messages" in row:
        return {"messages": row["messages"]}
    question = "\n\n".join(part for part in (row["instruction"], row.get("input")) if part)
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": row["output"]}]}


def measure(case: str, hone: Hone, torch: Torch | None, model: Path, data: Path | None, pairs: int) -> list[dict]:
    """The rows of one case."""
    kind, _, setting = case.partition("-")
    what = ["--data", data] if kind in ("chat", "run") else []
    what += ["--accumulate", 48] if kind == "run" else []
    theirs = (lambda: torch.train(setting, *what)) if torch else None
    ours, others = compare.measure(lambda: hone.train(model, *what), theirs, pairs)
    row = lambda name, unit, value: compare.summary(name, unit, [value(run) for run in ours],
                                                    [value(run) for run in others], "torch_peft")  # fmt: skip
    if kind in ("chat", "run"):
        return [row(case, "examples/s", lambda run: run["train_examples_per_second"])]
    shares = [run["train_tps"] / run["prefill_tps"] for run in ours]
    if case == "of-prefill":
        return [compare.summary(case, "share", shares, [], "torch_peft")]
    rows = [row(case, "tokens/s", lambda run: run["train_tps"]),
            row(f"{case}-memory", "MB", lambda run: run["train_peak_rss_bytes"] / 1e6)]  # fmt: skip
    return rows + ([compare.summary("7b-of-prefill", "share", shares, [], "torch_peft")] if kind == "7b" else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="cases, with commas between them; 512 takes all that start with it")
    parser.add_argument("--data", type=Path, help="rows with instruction, input and output, or with messages; chat cases need it")
    parser.add_argument("--rows", type=int, default=48, help="of --data")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache/bench", help="where to build and to keep models")
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--python", type=Path, help="a Python with torch and PEFT; made where it is left out")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()

    cases = [f"512-{name}" for name in SETTINGS] + ["of-prefill", "7b"]
    cases += ["chat-bf16", "chat-f32", "run-bf16", "run-f32"] if args.data else []
    wanted = args.only.split(",") if args.only else [""]
    cases = [case for case in cases if any(case == word or (word not in cases and case.startswith(word)) for word in wanted)]
    if not cases:
        raise SystemExit(f"no case starts with {args.only} (chat and run need --data)")

    cache = args.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    # What torch.compile makes is kept, so that only its first run waits for it.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache / "inductor"))
    program = compare.built(args.hone)
    hone = Hone(program, args.threads)
    peer = peers.build(cache, os.cpu_count()) if "7b" in cases else None
    files = compare.Files(cache, program, peer)
    python = args.python or peers.packages(ROOT / ".cache/peers", ROOT / "tests/peers/requirements.txt")
    torch = Torch(python, checkpoint(python, files.starter(), cache / "starter-f32"), args.threads)
    data = chats(args.data, args.rows, cache / "chats.jsonl") if args.data else None

    fixed = {"date": datetime.date.today().isoformat(), "commit": compare.commit(), "processor": compare.processor(),
             "threads": args.threads, "hone_version": hone.version, "torch_peft_version": torch.version}  # fmt: skip
    rows = []
    for case in cases:
        alone = case in ("of-prefill", "7b")
        model = files.get("7b") if case == "7b" else files.starter()
        for row in measure(case, hone, None if alone else torch, model, data, args.pairs):
            versus = f"torch + PEFT {row['torch_peft']:>8}   ratio {row['ratio']}" if "torch_peft" in row else ""
            print(f"{row['case']:30} {row['unit']:10} hone {row['hone']:>8}   {versus}", flush=True)
            rows.append(fixed | row)
    if not args.no_record:
        print(f"recorded in {compare.record(rows, FIELDS, '-train').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
