#!/usr/bin/env python3
"""Measures what keeps secrets and text of others out of training sets, and keeps the figures in bench/record/.

One command: runs the tests that generate secrets of other kinds than the rules name, conversations with text of every origin,
and planted secrets, and records what they print. There is no peer: the wanted figures are written down in the tests.

usage: bench/learning/data.py [--no-record]
"""

import argparse
import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import compare  # noqa: E402

FIELDS = ["date", "commit", "processor", "threads", "case", "metric", "value", "n"]
TESTS = ["--test", "secrets", "--test", "export"]


def figures(text: str) -> list[dict]:
    """What the tests print, as rows."""
    rows = []
    # The dots are the test runner's: one for each test that has passed before.
    for name, recall, precision, n in re.findall(r"^\.*(.+): recall ([\d.]+) %, precision ([\d.]+) % \((\d+) secrets", text, re.M):
        case = f"secrets, {name}"
        rows += [{"case": case, "metric": metric, "value": value, "n": n} for metric, value in [("recall", recall), ("precision", precision)]]
    for n, targets in re.findall(r"(\d+) conversations, (\d+) targets, none of them", text):
        rows.append({"case": f"text of others in {targets} targets", "metric": "found", "value": 0, "n": n})
    for found, n in re.findall(r"(\d+) of (\d+) planted secrets found", text):
        rows.append({"case": "planted secrets", "metric": "found", "value": found, "n": n})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()
    words = ["cargo", "test", "--release", "-q", "-p", "learn", *TESTS, "--", "--nocapture", "--test-threads", "1"]
    text = subprocess.run(words, cwd=compare.ROOT, text=True, stdout=subprocess.PIPE, check=True).stdout
    where = {"date": str(datetime.date.today()), "commit": compare.commit(), "processor": compare.processor(), "threads": os.cpu_count()}
    rows = figures(text)
    for row in rows:
        print(f"{row['case']:40} {row['metric']:10} {row['value']}  (n = {row['n']})")
    if not args.no_record:
        print("kept in", compare.record([where | row for row in rows], FIELDS, "-learning-data"))


if __name__ == "__main__":
    main()
