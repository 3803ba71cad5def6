"""A job of `hone train --export-job` that torch and PEFT run, beside the same run in hone."""

import json
import os
import subprocess
import sys
import unittest

import tiny as tinies

WORDS = "the quick brown fox jumps over a lazy dog while seven wizards quietly mix potions for their king".split()


def chats(path):
    """Rows of different lengths, the answer the question turned round."""
    with path.open("w", encoding="utf-8") as out:
        for n in range(30):
            said = [WORDS[(n * 7 + at * (n + 1)) % len(WORDS)] for at in range(3 + n % 9)]
            turns = [("user", " ".join(said)), ("assistant", " ".join(reversed(said)))]
            out.write(json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}) + "\n")
    return path


class Job(unittest.TestCase):
    def test_torch_loses_the_same_in_every_step_and_its_adapter_comes_back(self):
        # The other tiny models have no chat template.
        self.runs(tinies.Tiny("llama"))

    def runs(self, tiny):
        data, job = chats(tinies.new("chats.jsonl")), tinies.new("job")
        command = ["train", "--data", data, "--model", tiny.path, "--steps", 24, "--accumulation", 4, "--rank", 4,
                   "--lr", "1e-2", "--max-seq", 128, "--seed", 3]  # fmt: skip
        tinies.hone(*command, "--export-job", job)
        # One thread: rows this short gain nothing from more, and threads that wait for each other are slow.
        subprocess.run([sys.executable, job / "train.py", "--base", tiny.checkpoint(), "--dtype", "f32"], check=True,
                       stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})  # fmt: skip
        theirs = [json.loads(line) for line in (job / "metrics.jsonl").read_text().splitlines()]
        before = set(tinies.home().glob("runs/*"))
        tinies.hone(*command, "--json")
        (run,) = set(tinies.home().glob("runs/*")) - before
        ours = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        pairs = [(mine["loss"], row["loss"]) for row in theirs if "loss" in row
                 for mine in ours if mine["step"] == row["step"]]  # fmt: skip
        self.assertEqual(len(pairs), 24)
        self.assertLess(pairs[-1][0], 0.97 * pairs[0][0], "it learned")
        for step, (mine, their) in enumerate(pairs):
            self.assertLess(abs(mine / their - 1), 0.01, f"step {step}: {mine} here, {their} there")
        tinies.imported(job / "adapter", tiny)


if __name__ == "__main__":
    unittest.main()
