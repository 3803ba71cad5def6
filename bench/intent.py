#!/usr/bin/env python3
"""Records how often the classifier of intent is right on the held-out messages, and how long a message takes.

usage: bench/intent.py [--hone PATH] [--home DIR] [--rounds N] [--no-record]
DIR is a data folder with the embedding model.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path

import compare

# What is measured, in which unit, what it is multiplied with, and what the project promises.
MEASURES = {
    "accuracy": ("%", 100, "at least 95"),
    "needs_code_accuracy": ("%", 100, ""),
    "ms_p50": ("ms", 1, "below 10"),
    "ms_p99": ("ms", 1, "below 10"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--home", type=Path, default=compare.ROOT / ".cache/home")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()

    program = compare.built(args.hone)
    environment = {**os.environ, "HONE_HOME": str(args.home.resolve())}
    judged = [json.loads(subprocess.check_output([program, "bench", "--intent", "--json"], env=environment))
              for _ in range(args.rounds)]  # fmt: skip
    cases = [(f"intent-{measure}", unit, [factor * one[measure] for one in judged], goal)
             for measure, (unit, factor, goal) in MEASURES.items()]  # fmt: skip
    compare.against_goals(program, "-intent", cases, not args.no_record, rounds=args.rounds)


if __name__ == "__main__":
    main()
