#!/usr/bin/env python3
"""Trains one adapter with hone's fast mode and one with torch + PEFT in f32, and compares their losses on held-out rows.

`hone train --export-job` writes data, recipe and first factors, torch + PEFT runs the job's own script on the
dequantised weights of the same file, and hone trains with the same flags: the same examples in the same order. Fails where hone's validation loss is more than 1 % higher.

usage: bench/quality/training.py --data FILE [--model GGUF] [--steps N] [--accumulation N] [--threads N] [--cache DIR]
                                 [--hone PATH] [--python PATH] [--no-record]
"""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import compare
import peer as peers
import train as training

ROOT = compare.ROOT
AIM = 1.01
FIELDS = ["date", "commit", "processor", "model", "program", "steps", "accumulation", "first_valid_loss", "valid_loss",
          "ratio", "seconds"]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="rows that `hone train` reads")
    parser.add_argument("--model", type=Path, default=ROOT / ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--accumulation", type=int, default=4, help="rows of a step")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache/bench", help="where to keep files")
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--python", type=Path, help="a Python with torch and PEFT; made where it is left out")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()

    cache, model = args.cache.resolve(), args.model.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    python = args.python or peers.packages(ROOT / ".cache/peers", ROOT / "tests/peers/requirements.txt")
    base = training.checkpoint(python, model, cache / f"{model.stem}-f32")
    # Adapters of this comparison do not belong among the user's.
    os.environ["HONE_HOME"] = str(cache / "training-home")
    command = [compare.built(args.hone), "train", "--model", model, "--data", args.data.resolve(), "--rank", 8, "--scale", 2,
               "--lr", 1e-3, "--steps", args.steps, "--accumulation", args.accumulation, "--max-seq", 512, "--seed", 0,
               "--threads", args.threads]  # fmt: skip

    job = cache / "training-job"
    shutil.rmtree(job, ignore_errors=True)
    peers.run([*command, "--export-job", job])
    # Memory is no question here: layers need not be computed again.
    recipe = json.loads((job / "job.json").read_text())
    (job / "job.json").write_text(json.dumps(recipe | {"checkpointing": False}))
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    print("torch + PEFT trains ...", flush=True)
    subprocess.run([python, job / "train.py", "--base", base, "--dtype", "f32",
                    "--valid-rows", "64"], check=True, stdout=subprocess.DEVNULL)  # as many as hone measures
    print("hone trains ...", flush=True)
    ours = json.loads(peers.run([*command, "--json"])[0])

    lines = [json.loads(line) for line in (job / "metrics.jsonl").read_text().splitlines()]
    theirs = {"first_valid_loss": lines[0]["valid_loss"], "valid_loss": lines[-1]["valid_loss"], "seconds": lines[-1]["seconds"]}
    ours["valid_loss"] = ours["last_valid_loss"]  # torch keeps its last, too
    ratio = ours["valid_loss"] / theirs["valid_loss"]
    rows = []
    for program, found in (("hone", ours), ("torch_peft", theirs)):
        numbers = {key: round(found[key], 5) for key in ("first_valid_loss", "valid_loss", "seconds")}
        rows.append({"program": program, **numbers, "ratio": f"{ratio:.4f}" if program == "hone" else ""})
        print(f"{program:12} validation loss {numbers['first_valid_loss']:.4f} -> {numbers['valid_loss']:.4f} "
              f"in {numbers['seconds']:.0f} s")  # fmt: skip
    fixed = {"date": datetime.date.today().isoformat(), "commit": compare.commit(), "processor": compare.processor(),
             "model": model.name, "steps": args.steps, "accumulation": args.accumulation}  # fmt: skip
    if not args.no_record:
        path = compare.record([fixed | row for row in rows], FIELDS, "-train-quality")
        print(f"recorded in {path.relative_to(ROOT)}")
    if ratio > AIM:
        raise SystemExit(f"hone's loss is {ratio:.4f} times torch's, more than {AIM}")


if __name__ == "__main__":
    main()
