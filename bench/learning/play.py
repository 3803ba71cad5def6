"""The weeks of one seed for one arm, in a home of its own. Each week is a file, so that what was killed goes on."""

import json
import os
import shutil
from pathlib import Path

import judge
import peer as peers
import user
from arms import prompts
from hone import ALONE_RATE, MEMBERS, RATE, Hone, Server, steps
from metrics import backward_transfer, interval
from weeks import weeks as six_weeks

# Nothing is trained in these; what they know of the weeks is in their prompt.
PROMPTED = ("base", "rules", "retrieved")


class Play:
    def __init__(self, arm: str, seed: int, args, program: Path, model: Path):
        self.arm, self.seed, self.args = arm, seed, args
        # From zero on everything, with no gate: what it is in the end does not depend on the weeks before.
        self.last = args.last and arm == "torch"
        self.folder = args.cache / f"learning/{arm}{'-last' if self.last else ''}-{seed}"
        self.gated = args.cache / f"learning/hone-{seed}"
        # The same adapters as those of the arm hone.
        self.twin = self.gated if arm == "hone-memory" else None
        self.home = (self.twin or self.folder) / "home"
        self.hone = Hone(program, model, self.home, args.threads)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.weeks = six_weeks(seed)
        self.chats: list[dict] = []
        self.adapter = "base"

    def run(self) -> list[dict]:
        """Rows of all weeks; those that are there are read."""
        rows, correct = [], {}
        for week in self.weeks[: self.args.weeks]:
            chats = user.conversations(week, self.seed)
            self.chats += chats
            if self.last and week.number < self.args.weeks:
                continue
            played = self.once(f"week-{week.number}", lambda: self.play(week, chats))
            self.adapter = played["adapter"]
            rows += [row | {"after_week": week.number} for row in played["rows"]]
            correct[week.number] = {row["week"]: interval(row["values"])[0] for row in played["rows"] if row["metric"] == "correct"}
        last = max(correct)
        average = lambda after: sum(correct[after].values()) / max(1, len(correct[after]))
        ends = {"average_correct": average(last)}
        if len(correct) == last:
            ends["backward_transfer"] = backward_transfer(correct)
        if last == len(self.weeks) and correct.get(last - 1):  # the one with the wrong thumbs
            ends["noise_cost"] = average(last - 1) - average(last)
        if self.arm not in PROMPTED and not self.twin:
            planted = user.secrets(self.chats)
            ends |= {"secrets_planted": len(planted), "secrets_leaked": len(self.hone.leaked(planted))}
        return rows + [{"after_week": last, "week": 0, "metric": name, "values": [value]} for name, value in ends.items()]

    def once(self, name: str, make) -> dict:
        """What a step has given, from its file where it was done already."""
        file = self.folder / f"{name}.json"
        if not file.exists():
            part = file.with_suffix(".part")
            part.write_text(json.dumps(make()))
            os.replace(part, file)
        return json.loads(file.read_text())

    def play(self, week, chats: list[dict]) -> dict:
        reference = self.reference()
        # An arm in which nothing is learned is the same in every week; it is asked once, after the last one.
        if self.arm == "base" and week.number < self.args.weeks:
            return {"adapter": "base", "rows": []}
        if self.arm == "no-gate" and week.number < self.parting():
            return json.loads((self.gated / f"week-{week.number}.json").read_text())
        report = self.once(f"learned-{week.number}", lambda: self.learn(week.number, chats))
        adapter = report.get("in_use", "base")
        frame = self.frame(week.number)
        with Server(self.hone, adapter) as server:
            rows = judge.judge(self.hone, server, adapter, self.weeks, week.number, frame, reference)
        for name in ("seconds", "train_seconds", "examples", "loss", "promoted", "peak_rss_bytes", "tokens_per_second"):
            if report.get(name) is not None:
                rows.append({"week": week.number, "metric": f"learn_{name}", "values": [float(report[name])]})
        return {"adapter": adapter, "rows": rows}

    def reference(self) -> dict:
        """What the base knows and says."""
        found = self.asked_once("base", lambda server: judge.of_base(self.hone, server))
        return found | {"samples": [tuple(pair) for pair in found["samples"]]}

    def asked_once(self, name: str, make):
        """What the base says, for all arms and seeds."""
        file = self.args.cache / f"learning/{name}-{self.hone.model.stem}.json"
        if not file.exists():
            with Server(self.hone, "base") as server:
                found = make(server)
            file.with_suffix(".part").write_text(json.dumps(found))
            os.replace(file.with_suffix(".part"), file)
        return json.loads(file.read_text())

    def learn(self, number: int, chats: list[dict]) -> dict:
        if self.arm in PROMPTED:
            return {}
        if self.twin:
            return {"in_use": json.loads((self.twin / f"week-{number}.json").read_text())["adapter"]}
        if self.arm.startswith("torch"):
            return self.learn_with_torch(number, chats)
        before = self.gated / f"before-{number}"
        parts = self.arm == "no-gate" and number == self.parting() > 1
        copy = lambda: str(shutil.copytree(before, self.home, dirs_exist_ok=True))  # it holds this week's chats
        self.once(f"imported-{number}", copy if parts else lambda: self.hone.remember(chats))
        if self.arm == "no-replay":
            return self.hone.train_without_replay(number)
        if self.arm == "hone":
            shutil.copytree(self.home, before, dirs_exist_ok=True)
        report = self.hone.learn("--no-gate" if self.arm == "no-gate" else None)
        promoted = report["decision"] == "promote"
        if self.arm == "hone" and promoted:
            shutil.rmtree(before)
        return report | {"promoted": promoted, "in_use": report["adapter"] if promoted else self.adapter}

    def parting(self) -> int:
        """The first week that the gate of the arm hone has not promoted: until then an arm without it is the same."""
        promoted = lambda file: file.exists() and json.loads(file.read_text())["promoted"]
        number = 1
        while promoted(self.gated / f"learned-{number}.json"):
            number += 1
        return number if number > self.args.weeks or (self.gated / f"before-{number}").exists() else 1

    def learn_with_torch(self, number: int, chats: list[dict]) -> dict:
        said = lambda pair: {"messages": [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]}
        sequential = self.arm == "torch-sequential"
        files = {"rows": user.examples(chats if sequential else self.chats)}
        if not sequential:
            files["replay"] = self.asked_once("replay", judge.replayed)
        for name, pairs in files.items():
            (self.folder / f"{name}.jsonl").write_text("".join(json.dumps(said(pair)) + "\n" for pair in pairs))
        out = self.folder / f"peft-{number}"
        shutil.rmtree(out, ignore_errors=True)
        # What goes on from a week before cannot begin anew: one training, at the rate that one takes.
        members, rate = (1, ALONE_RATE) if sequential else (MEMBERS, RATE)
        words = [self.args.python, Path(__file__).parent / "arms/torch_peer.py", self.args.checkpoint, self.folder / "rows.jsonl", out,
                 "--steps", steps(len(files["rows"]), members), "--members", members, "--rate", rate,
                 "--seed", self.seed, "--threads", self.args.threads]  # fmt: skip
        if sequential and number > 1:
            words += ["--from", self.folder / f"peft-{number - 1}"]
        if not sequential:
            words += ["--replay", self.folder / "replay.jsonl"]
        printed, rss = peers.run([str(word) for word in words])
        imported = json.loads(self.hone.run("adapter", "import", out, "--name", f"torch{number}", "--base", self.hone.model, "--json"))
        return json.loads(printed.splitlines()[-1]) | {"peak_rss_bytes": rss, "in_use": imported["id"]}

    def frame(self, upto: int):
        if self.arm == "rules":
            return prompts.ruled(self.weeks, upto)
        if self.arm in ("retrieved", "hone-memory"):
            return prompts.remembered(user.examples(self.chats))
        return prompts.bare


