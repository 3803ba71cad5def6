#!/usr/bin/env python3
"""A simulated user over six weeks: what does hone learn, what does it forget, and what do others with the same data?

One command does everything: builds hone, fetches the starter model, installs torch and PEFT for the arms that need them,
plays the weeks of each seed, and appends a CSV row for each figure to bench/record/. Nothing judges but checkers.

usage: bench/learning/run.py [--arms ARM[,ARM]] [--seeds N[,N]] [--weeks N] [--short] [--threads N] [--cache DIR]
                             [--hone PATH] [--python PATH] [--no-record]
arms: base              the model alone
      rules             the habits as an instruction in the prompt
      retrieved         three liked answers to similar questions in the prompt (BM25)
      torch             torch + PEFT from zero on everything, the same recipe, with the base's own answers by KL
      torch-sequential  torch + PEFT, one week after another
      hone              hone learn after each week; what its gate decides is in use
      hone-memory       the same adapter with three retrieved answers in the prompt
      no-replay         the same examples without the base's own answers
      no-gate           every candidate of hone learn is used, whatever its gate says
--short is a tier of about ten minutes: seed 100, two weeks, base and hone. Seeds from 100 up are for tuning; 0 to 2 are reported.
"""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import compare  # noqa: E402
import judge  # noqa: E402
import peer as peers  # noqa: E402
import user  # noqa: E402
from arms import prompts  # noqa: E402
from hone import Hone, Server  # noqa: E402
from metrics import backward_transfer, interval  # noqa: E402
from weeks import weeks as six_weeks  # noqa: E402

ARMS = ["base", "rules", "retrieved", "torch", "torch-sequential", "hone", "hone-memory", "no-replay", "no-gate"]
FIELDS = ["date", "commit", "processor", "threads", "arm", "seed", "after_week", "week", "metric", "value", "low", "high", "n"]


class Play:
    """The weeks of one seed for one arm, in a home of its own."""

    def __init__(self, arm: str, seed: int, args, program: Path, model: Path):
        self.arm, self.seed, self.args = arm, seed, args
        self.home = args.cache / f"learning/{arm}-{seed}"
        shutil.rmtree(self.home, ignore_errors=True)
        self.hone = Hone(program, model, self.home, args.threads)
        self.weeks = six_weeks(seed)
        self.chats, self.rows, self.adapter = [], [], "base"
        self.correct: dict[int, dict[int, float]] = {}

    def run(self) -> list[dict]:
        with Server(self.hone, "base") as server:
            reference = judge.of_base(self.hone, server)
        for week in self.weeks[: self.args.weeks]:
            chats = user.conversations(week, self.seed)
            self.chats += chats
            report = self.learn(chats, reference)
            with Server(self.hone, self.adapter) as server:
                found = judge.judge(self.hone, server, self.adapter, self.weeks, week.number, self.frame(week.number), reference)
            means = {row["week"]: interval(row["values"])[0] for row in found if row["metric"] == "correct"}
            self.correct[week.number] = means
            for name in ("seconds", "examples", "loss", "promoted"):
                if name in report:
                    found.append({"week": week.number, "metric": f"train_{name}", "values": [float(report[name])]})
            self.keep(week.number, found)
        ends = [{"week": 0, "metric": "backward_transfer", "values": [backward_transfer(self.correct)]}]
        planted = user.secrets(self.chats)
        ends.append({"week": 0, "metric": "secrets_leaked", "values": [len(self.hone.leaked(planted))]})
        ends.append({"week": 0, "metric": "secrets_planted", "values": [len(planted)]})
        last = self.correct[max(self.correct)]
        ends.append({"week": 0, "metric": "average_correct", "values": [sum(last.values()) / max(len(last), 1)]})
        self.keep(max(self.correct), ends)
        return self.rows

    def learn(self, chats: list[dict], reference: dict) -> dict:
        if self.arm in ("base", "rules", "retrieved"):
            return {}
        if self.arm.startswith("torch"):
            return self.learn_with_torch(chats, reference)
        self.hone.remember(chats)
        if self.arm == "no-replay":
            report = self.hone.train_without_replay()
            self.adapter = report["adapter"]
            return report
        report = self.hone.learn()
        if report["decision"] == "promote" or self.arm == "no-gate" and report.get("adapter"):
            self.adapter = report["adapter"]
        return report | {"promoted": report["decision"] == "promote"}

    def learn_with_torch(self, chats: list[dict], reference: dict) -> dict:
        said = lambda pair: {"messages": [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]}
        sequential = self.arm == "torch-sequential"
        number = len(self.correct) + 1
        files = {"rows": user.examples(chats if sequential else self.chats), "replay": reference["samples"]}
        for name, pairs in files.items():
            (self.home / f"{name}.jsonl").write_text("".join(json.dumps(said(pair)) + "\n" for pair in pairs))
        out = self.home / f"peft-{number}"
        words = [self.args.python, HERE / "arms/torch_peer.py", self.args.checkpoint, self.home / "rows.jsonl", out,
                 "--seed", self.seed, "--threads", self.args.threads]  # fmt: skip
        if sequential and number > 1:
            words += ["--from", self.home / f"peft-{number - 1}"]
        if not sequential:
            words += ["--replay", self.home / "replay.jsonl"]
        printed, rss = peers.run([str(word) for word in words])
        self.adapter = f"torch{number}"
        self.hone.run("adapter", "import", out, "--name", self.adapter, "--base", self.hone.model)
        return json.loads(printed.splitlines()[-1]) | {"peak_rss_bytes": rss}

    def frame(self, upto: int):
        if self.arm == "rules":
            return prompts.ruled(self.weeks, upto)
        if self.arm in ("retrieved", "hone-memory"):
            return prompts.remembered(user.examples(self.chats))
        return prompts.bare

    def keep(self, after: int, found: list[dict]) -> None:
        for row in found:
            value, low, high = interval(row["values"])
            kept = {"arm": self.arm, "seed": self.seed, "after_week": after, "week": row["week"], "metric": row["metric"],
                    "value": f"{value:.4f}", "low": f"{low:.4f}", "high": f"{high:.4f}", "n": len(row["values"])}  # fmt: skip
            self.rows.append(kept)
            print(f"{self.arm:17} seed {self.seed} after week {after}, week {row['week']}: {row['metric']:18} {kept['value']}"
                  f"  [{kept['low']}, {kept['high']}]  n={kept['n']}", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--weeks", type=int, default=6)
    parser.add_argument("--short", action="store_true", help="seed 100, two weeks, base and hone")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cache", type=Path, default=compare.ROOT / ".cache/bench", help="where homes and models are kept")
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--model", type=Path, help="a model's file; the starter model where it is left out")
    parser.add_argument("--python", type=Path, help="a Python with torch and PEFT; installed where it is left out")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()
    if args.short:
        args.arms, args.seeds, args.weeks = "base,hone", "100", 2
    arms = args.arms.split(",")
    if unknown := set(arms) - set(ARMS):
        parser.error(f"no such arms: {', '.join(sorted(unknown))}")
    args.cache = args.cache.resolve()
    args.cache.mkdir(parents=True, exist_ok=True)
    program = compare.built(args.hone)
    model = (args.model or starter(program, args.cache)).resolve()
    if any(arm.startswith("torch") for arm in arms):
        args.python = args.python or peers.packages(args.cache / "peers", compare.ROOT / "tests/peers/requirements.txt")
        args.checkpoint = args.cache / f"{model.stem}-checkpoint"
        if not args.checkpoint.exists():
            subprocess.run([args.python, compare.ROOT / "bench/torch_model.py", model, args.checkpoint], check=True)
    where = {"date": str(datetime.date.today()), "commit": compare.commit(), "processor": compare.processor(), "threads": args.threads}
    for seed in map(int, args.seeds.split(",")):
        for arm in arms:
            rows = [where | row for row in Play(arm, seed, args, program, model).run()]
            if not args.no_record:
                print("kept in", compare.record(rows, FIELDS, "-learning"), flush=True)


def starter(program: Path, cache: Path) -> Path:
    environment = {**os.environ, "HONE_HOME": str(cache / "home")}
    show = [program, "show", "smollm2-135m", "--json"]
    if subprocess.run(show, env=environment, capture_output=True).returncode:
        subprocess.run([program, "pull", "smollm2-135m"], env=environment, check=True)
    return Path(json.loads(subprocess.check_output(show, env=environment))["path"])


if __name__ == "__main__":
    main()
