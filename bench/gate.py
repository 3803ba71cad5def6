"""How often the gate of `hone learn` is right: candidates of which it is known whether they are good.

    python3 bench/gate.py --hone target/release/hone --seeds 20

Runs `hone bench --gate`, which makes one file a trial in --out and goes on where it was stopped, and writes the counts
to `bench/record/`. Several of these may run at once with the same --out. Then `hone bench --adapters`: how long promotion
and rollback take. Seeds from 100 up are for tuning. --check fails where a bad candidate was promoted.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import compare  # noqa: E402

KINDS = ["good", "null", "shuffled", "hot", "poisoned"]
BAD = ["shuffled", "hot", "poisoned"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--hone", default="target/release/hone")
    options.add_argument("--model", default="smollm2-135m")
    options.add_argument("--seeds", type=int, default=20)
    options.add_argument("--kinds", default=",".join(KINDS))
    options.add_argument("--out", default=".cache/bench/gate")
    options.add_argument("--first-seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=os.cpu_count())
    options.add_argument("--steps", type=int, help="of a training; by the number of examples where it is left out")
    options.add_argument("--anchor", type=float, help="weight of the replay; as a cycle has it where it is left out")
    options.add_argument("--check", action="store_true")
    options.add_argument("--no-record", action="store_true")
    asked = options.parse_args()
    command = [asked.hone, "bench", "--gate", str(asked.seeds), "--out", asked.out, "--kinds", asked.kinds]
    command += ["--first-seed", str(asked.first_seed), *(["--steps", str(asked.steps)] if asked.steps else [])]
    command += ["--anchor", str(asked.anchor)] if asked.anchor else []
    machine = ["--model", asked.model, "--threads", str(asked.threads), "--json"]
    output = subprocess.run([*command, *machine], check=True, stdout=subprocess.PIPE).stdout
    trials = json.loads(output)
    fixed = {"date": datetime.date.today().isoformat(), "commit": compare.commit(), "processor": compare.processor()}
    rows = []
    for kind in asked.kinds.split(","):
        own = [trial for trial in trials if trial["kind"] == kind]
        decided = Counter(trial["decision"] for trial in own)
        failed = Counter(check["name"] for trial in own for check in trial["checks"] if not check["passed"])
        rows.append(
            fixed
            | {
                "candidates": kind,
                "seeds": f"{asked.first_seed}-{asked.first_seed + asked.seeds - 1}",
                "trials": len(own),
                "promoted": decided["promote"],
                "held": decided["hold"],
                "rejected": decided["reject"],
                "train_seconds": f"{sum(t['seconds'][0] for t in own) / max(1, len(own)):.1f}",
                "judge_seconds": f"{sum(t['seconds'][1] for t in own) / max(1, len(own)):.1f}",
                "failed_checks": "; ".join(f"{name} {count}" for name, count in failed.most_common()),
            }
        )
        print({name: value for name, value in rows[-1].items() if name not in fixed})
    if not asked.no_record:
        print(f"recorded in {compare.record(rows, list(rows[0]), '-gate')}")
    switching = json.loads(subprocess.check_output([asked.hone, "bench", "--adapters", *machine]))
    print(switching)
    if not asked.no_record:
        print(f"recorded in {compare.record([fixed | switching], list(fixed | switching), '-adapters')}")
    bad = [f"{trial['kind']} {trial['seed']}" for trial in trials if trial["kind"] in BAD and trial["decision"] == "promote"]
    if asked.check and bad:
        sys.exit(f"promoted: {', '.join(bad)}")


if __name__ == "__main__":
    main()
