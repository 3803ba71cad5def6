#!/usr/bin/env python3
"""Measures what training inside `hone serve` costs those who chat meanwhile, and keeps the figures in bench/record/.

One command does everything: builds hone, fetches the starter model, starts the real server, and streams chats in turns
while nothing else runs and while the server trains. What is measured is what a client sees: the time between two pieces
of an answer, and from the request to the first piece.

usage: bench/beside.py [--pairs N] [--chats N] [--tokens N] [--threads N] [--cache DIR] [--hone PATH] [--no-record]
"""

import argparse
import datetime
import http.client
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import compare

FIELDS = ["date", "commit", "processor", "threads", "case", "unit", "training", "alone", "ratio", "pairs",
          "hone_version", "training_runs", "alone_runs"]  # fmt: skip
# Between two chats, so that training is at work when the next one comes.
PAUSE = 0.1


class Server:
    """A running `hone serve` with a set to train on."""

    def __init__(self, program: Path, model: Path, home: Path, threads: int):
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        self.environment = {**os.environ, "HONE_HOME": str(home), "HONE_OFFLINE": "1"}
        rows = home / "rows.jsonl"
        text = "Explain in some detail why the number {0} is not the number {1}, with an example. " * 4
        row = lambda n: {"prompt": text.format(n, n + 1), "completion": text.format(n + 2, n + 3) * 2}
        rows.write_text("".join(json.dumps(row(n)) + "\n" for n in range(200)))
        subprocess.run([program, "data", "fetch", rows, "--name", "rows"], env=self.environment, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        self.process = subprocess.Popen([program, "serve", "--model", model, "--port", "0", "--threads", str(threads), "-q"],
                                        env=self.environment, stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.address = self.process.stdout.readline().strip().removeprefix("http://")
        while self.ask("GET", "/health")[0] != 200:
            time.sleep(0.05)

    def ask(self, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        connection = http.client.HTTPConnection(self.address)
        connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())

    def chat(self, text: str, tokens: int) -> tuple[float, list[float]]:
        """Seconds to the first piece, and between the others."""
        body = {"messages": [{"role": "user", "content": text}], "stream": True, "max_tokens": tokens, "temperature": 0.7, "seed": 1}
        connection = http.client.HTTPConnection(self.address)
        began = time.perf_counter()
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        moments = []
        for line in reply:
            if line.startswith(b"data: {") and b'"content":' in line and b'"role"' not in line:
                moments.append(time.perf_counter())
        return moments[0] - began, [b - a for a, b in zip(moments, moments[1:])]

    def train(self) -> str:
        """Starts a run, and waits until it learns."""
        status, run = self.ask("POST", "/api/train", {"data": "rows", "steps": 1_000_000, "accumulation": 4, "max_seq": 512})
        if status != 202:
            raise SystemExit(f"training did not start: {run}")
        while (state := self.ask("GET", "/api/train")[1]["run"])["step"] < 1:
            if state["state"] not in ("preparing", "running"):
                raise SystemExit(f"training ended: {state}")
            time.sleep(0.1)
        return run["id"]

    def stop_training(self, run: str) -> dict:
        self.ask("POST", f"/api/train/{run}/stop", {})
        while (state := self.ask("GET", "/api/train")[1]["run"])["state"] == "stopping":
            time.sleep(0.05)
        return state

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def figures(server: Server, chats: int, tokens: int, round: int) -> dict[str, float]:
    """Milliseconds of one turn: all pieces of some chats."""
    firsts, gaps = [], []
    for chat in range(chats):
        time.sleep(PAUSE)
        first, between = server.chat(f"Tell me about the number {round * chats + chat}, and about primes.", tokens)
        firsts.append(first)
        gaps += between
    return {"between-tokens-p50": percentile(gaps, 0.5) * 1e3, "between-tokens-p99": percentile(gaps, 0.99) * 1e3,
            "between-tokens-max": max(gaps) * 1e3, "first-token-p50": percentile(firsts, 0.5) * 1e3,
            "first-token-max": max(firsts) * 1e3}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--chats", type=int, default=4, help="of each turn")
    parser.add_argument("--tokens", type=int, default=400, help="of each answer at most")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cache", type=Path, default=compare.ROOT / ".cache/bench", help="where to keep the model and the data")
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--model", type=Path, help="the model's file; the starter model where it is left out")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()

    cache = args.cache.resolve()
    program = compare.built(args.hone)
    hone = compare.Hone(program, args.threads)
    model = args.model or compare.Files(cache, program, None).starter()
    server = Server(program, model, cache / "beside-home", args.threads)
    alone, training, steps = [], [], 0
    try:
        server.chat("Hello", 16)  # the first answer reads the weights
        for round in range(args.pairs):
            alone.append(figures(server, args.chats, args.tokens, 2 * round))
            run = server.train()
            training.append(figures(server, args.chats, args.tokens, 2 * round + 1))
            steps += server.stop_training(run)["step"]
    finally:
        server.end()
    fixed = {"date": datetime.date.today().isoformat(), "commit": compare.commit(), "processor": compare.processor(),
             "threads": args.threads, "hone_version": hone.version}  # fmt: skip
    rows = []
    for case in alone[0]:
        row = compare.summary(case, "ms", [run[case] for run in training], [run[case] for run in alone], "alone")
        row["training"], row["training_runs"] = row.pop("hone"), row.pop("hone_runs")
        print(f"{case:20} training {row['training']:>8} ms   alone {row['alone']:>8} ms   ratio {row['ratio']}", flush=True)
        rows.append(fixed | row)
    print(f"{steps} steps of training meanwhile")
    if not args.no_record:
        print(f"recorded in {compare.record(rows, FIELDS, "-beside").relative_to(compare.ROOT)}")


if __name__ == "__main__":
    main()
