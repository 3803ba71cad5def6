#!/usr/bin/env python3
"""A simulated user over six weeks: what does hone learn, what does it forget, and what do others with the same data?

One command does everything: builds hone, fetches the starter model, installs torch and PEFT for the arms that need them,
plays the weeks of each seed, and appends a CSV row for each figure to bench/record/. Nothing judges but checkers. Each week
of an arm and a seed is a file below --cache, and the same command goes on where it was killed.

usage: bench/learning/run.py [--arms ARM[,ARM]] [--seeds N[,N]] [--weeks N] [--last] [--short] [--threads N] [--cache DIR]
                             [--hone PATH] [--model FILE] [--python PATH] [--no-record]
arms: base              the model alone
      rules             the habits as an instruction in the prompt
      retrieved         three liked answers to similar questions in the prompt (BM25)
      torch             torch + PEFT from zero on everything, the same recipe, with the base's own answers by KL
      torch-sequential  torch + PEFT, one week after another
      hone              hone learn after each week; what its gate decides is in use
      hone-memory       the adapters of the arm hone with three retrieved answers in the prompt
      no-replay         the same examples without the base's own answers
      no-gate           every candidate of hone learn is used, whatever its gate says
--last trains the arm torch, which begins anew each week, after the last week only.
--short is a tier of some minutes: seed 100, one week, base and hone. Seeds from 100 up are for tuning; 0 to 2 are reported.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import compare  # noqa: E402
import peer as peers  # noqa: E402
from hone import Failed  # noqa: E402
from metrics import interval  # noqa: E402
from play import Play  # noqa: E402

ARMS = ["base", "rules", "retrieved", "hone", "hone-memory", "torch", "no-gate", "no-replay", "torch-sequential"]
FIELDS = ["date", "commit", "processor", "threads", "arm", "seed", "after_week", "week", "metric", "value", "low", "high", "n"]
# Printed at the end: the last week's figures over all seeds.
SUMMARY = ["average_correct", "style", "correct", "edit_cost", "backward_transfer", "noise_cost", "facts_kept", "kl_drift",
           "rule_obeyed", "leaks", "secrets_leaked", "learn_train_seconds", "learn_loss", "learn_peak_rss_bytes"]  # fmt: skip


def main() -> None:
    args = parsed()
    program = compare.built(args.hone)
    model = (args.model or starter(program, args.cache)).resolve()
    if any(arm.startswith("torch") for arm in args.arms):
        args.python = args.python or peers.packages(compare.ROOT / ".cache/peers", compare.ROOT / "tests/peers/requirements.txt")
        args.checkpoint = args.cache / f"{model.stem}-checkpoint"
        if not args.checkpoint.exists():
            subprocess.run([args.python, compare.ROOT / "bench/torch_model.py", model, args.checkpoint], check=True)
    where = {"date": str(datetime.date.today()), "commit": compare.commit(), "processor": compare.processor(), "threads": args.threads}
    found, failed = [], []
    for seed in args.seeds:
        for arm in args.arms:
            play = Play(arm, seed, args, program, model)
            try:
                rows = [{"arm": arm, "seed": seed} | row for row in play.run()]
            except Failed as why:
                failed.append(f"{arm}, seed {seed}: {why}")
                print("FAILED:", failed[-1], flush=True)
                continue
            found += rows
            kept = [where | figure(row) for row in rows]
            done = play.folder / f"recorded-{args.weeks}"
            if not args.no_record and not done.exists():
                print("kept in", compare.record(kept, FIELDS, "-learning"), flush=True)
                done.touch()
            if args.verbose:
                for row in kept:
                    print(" ".join(f"{row[name]}" for name in FIELDS[4:]), flush=True)
    summary(found)
    if failed:
        sys.exit("\n".join(failed))


def figure(row: dict) -> dict:
    """A row's mean, with its bootstrap interval."""
    value, low, high = (f"{number:.4f}" for number in interval(row["values"]))
    return {name: row[name] for name in FIELDS if name in row} | {"value": value, "low": low, "high": high, "n": len(row["values"])}


def summary(rows: list[dict]) -> None:
    """A line for each arm: the figures after its last week, all seeds together."""
    last = max((row["after_week"] for row in rows), default=0)
    print(f"\nafter week {last}, mean [95 % of resampled means], n")
    for arm in dict.fromkeys(row["arm"] for row in rows):
        print(arm)
        for metric in SUMMARY:
            values = [v for r in rows if (r["arm"], r["metric"], r["after_week"]) == (arm, metric, last) for v in r["values"]]
            if values:
                value, low, high = interval(values)
                print(f"  {metric:18} {value:8.3f}  [{low:.3f}, {high:.3f}]  {len(values)}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--weeks", type=int, default=6)
    parser.add_argument("--last", action="store_true", help="train the arm torch after the last week only")
    parser.add_argument("--short", action="store_true", help="seed 100, one week, base and hone")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cache", type=Path, default=compare.ROOT / ".cache/bench", help="where homes and models are kept")
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--model", type=Path, help="a model's file; the starter model where it is left out")
    parser.add_argument("--python", type=Path, help="a Python with torch and PEFT; installed where it is left out")
    parser.add_argument("--verbose", action="store_true", help="print every figure")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()
    if args.short:
        args.arms, args.seeds, args.weeks = "base,hone", "100", 1
    args.arms, args.seeds = args.arms.split(","), [int(seed) for seed in args.seeds.split(",")]
    if unknown := set(args.arms) - set(ARMS):
        parser.error(f"no such arms: {', '.join(sorted(unknown))}")
    if "hone-memory" in args.arms and "hone" not in args.arms:
        parser.error("hone-memory uses the adapters of the arm hone: ask for both")
    args.cache = args.cache.resolve()
    args.cache.mkdir(parents=True, exist_ok=True)
    return args


def starter(program: Path, cache: Path) -> Path:
    environment = {**os.environ, "HONE_HOME": str(cache / "home")}
    show = [program, "show", "smollm2-135m", "--json"]
    if subprocess.run(show, env=environment, capture_output=True).returncode:
        subprocess.run([program, "pull", "smollm2-135m"], env=environment, check=True)
    return Path(json.loads(subprocess.check_output(show, env=environment))["path"])


if __name__ == "__main__":
    main()
