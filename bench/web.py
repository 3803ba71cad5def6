"""The web UI's figures: first load, and a long conversation that streams. Chromium and Node.js are what ./test installs.

usage: bench/web.py [--hone PATH] [--models DIR] [--no-record]
"""

import argparse
import datetime
import json
import os
import subprocess
import tempfile
from pathlib import Path

import compare

FIELDS = ["date", "commit", "processor", "case", "unit", "hone", "goal", "pairs", "hone_runs"]
# What the project promises.
GOALS = {"first-load-script-gzip": 300, "interactive": 1000, "stream-task-p95": 50}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--models", type=Path, default=compare.ROOT / ".cache/home/models", help="with the starter model in it")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()

    web = compare.ROOT / "web"
    subprocess.run([web / "build"], check=True)
    program = compare.built(args.hone)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "figures.json"
        environment = os.environ | {"HONE_BIN": str(program), "HONE_TEST_MODELS": str(args.models.resolve()),
                                    "HONE_MEASURE": str(result)}
        subprocess.run(["npm", "run", "--silent", "e2e"], cwd=web, env=environment, check=True)
        figures = json.loads(result.read_text())

    about = {"date": datetime.date.today().isoformat(), "commit": compare.commit(), "processor": compare.processor()}
    rows = []
    for case, figure in figures.items():
        row = about | compare.summary(case, figure["unit"], figure["runs"], []) | {"goal": GOALS.get(case, "")}
        rows.append({field: row[field] for field in FIELDS})
        print(f"{case:28} {row['hone']:>8} {row['unit']:9}", f"at most {row['goal']}" if row["goal"] else "")
    if not args.no_record:
        print(f"recorded in {compare.record(rows, FIELDS, '-web').relative_to(compare.ROOT)}")


if __name__ == "__main__":
    main()
