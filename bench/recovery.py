#!/usr/bin/env python3
"""Measures how long `hone serve` takes until /health answers 200: with an empty data folder, with a large one, and after
kill -9 in the middle of writing.

The large folder has 100,000 messages, imported with `hone chats import`, and a gigabyte in all. It is made once and kept. A
kill comes at a random moment while clients write; after it, the start must also have every conversation that was
acknowledged. What is measured does not depend on the model, so it is the tiny one of the tests.

usage: bench/recovery.py [--runs N] [--folder DIR] [--hone PATH] [--no-record]
"""

import argparse
import http.client
import json
import os
import random
import shutil
import subprocess
import threading
import time
from pathlib import Path

import compare
from streams import TINY

GOALS = {"start-empty": 300, "start-large": 1000, "recovery-large": 1000}
CHATS, MESSAGES, BYTES = 1000, 100, 1_000_000_000


class Server:
    """A `hone serve` that is healthy; `ms` is what that took from the start of the process."""

    def __init__(self, program: Path, home: Path):
        began = time.perf_counter()
        self.process = subprocess.Popen([program, "serve", "--model", TINY, "--port", "0", "-q"], stdout=subprocess.PIPE,
                                        env={**os.environ, "HONE_HOME": str(home), "HONE_OFFLINE": "1"}, text=True)  # fmt: skip
        self.address = self.process.stdout.readline().strip().removeprefix("http://")
        while self.ask("GET", "/health")[0] != 200:
            time.sleep(0.002)
        self.ms = (time.perf_counter() - began) * 1e3

    def ask(self, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read() or b"{}")

    def end(self, kill: bool = False) -> None:
        self.process.kill() if kill else self.process.terminate()
        self.process.wait(timeout=60)


def large(program: Path, home: Path) -> Path:
    """A data folder with 100,000 messages and a gigabyte."""
    if (home / "complete").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    print(f"making {home} ...", flush=True)
    words = " ".join(path.read_text() for path in sorted(compare.ROOT.glob("crates/*/src/**/*.rs"))).split()
    chance, file = random.Random(1), home.with_suffix(".jsonl")
    with file.open("w") as out:
        for chat in range(CHATS):
            turns = [{"from": ("human", "gpt")[n % 2], "value": " ".join(chance.sample(words, 500))} for n in range(MESSAGES)]
            out.write(json.dumps({"id": f"large-{chat}", "conversations": turns}) + "\n")
    environment = {**os.environ, "HONE_HOME": str(home)}
    subprocess.run([program, "-q", "chats", "import", file], env=environment, check=True, stdout=subprocess.DEVNULL)
    file.unlink()
    missing = BYTES - sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    if missing > 0:  # models and adapters, which a start does not read
        (home / "datasets").mkdir(exist_ok=True)
        (home / "datasets/ballast").write_bytes(os.urandom(1 << 20) * (missing // (1 << 20) + 1))
    (home / "complete").touch()
    return home


def killed(program: Path, home: Path, chance: random.Random) -> list[str]:
    """Kills a server while four clients make conversations; gives the ids that were acknowledged."""
    server, made = Server(program, home), []

    def write() -> None:
        try:
            while True:
                status, chat = server.ask("POST", "/api/chats", {})
                made.extend([chat["id"]] if status in (200, 201) else [])
        except (OSError, http.client.HTTPException, ValueError):
            pass

    writers = [threading.Thread(target=write) for _ in range(4)]
    [writer.start() for writer in writers]
    time.sleep(chance.uniform(0.05, 0.5))
    server.end(kill=True)
    [writer.join() for writer in writers]
    return made


def recover(program: Path, home: Path, chance: random.Random) -> tuple[float, int]:
    made = killed(program, home, chance)
    server = Server(program, home)
    lost = [chat for chat in made if server.ask("GET", f"/api/chats/{chat}")[0] != 200]
    server.end()
    if lost:
        raise SystemExit(f"{len(lost)} of {len(made)} acknowledged conversations are gone")
    return server.ms, len(made)


def start(program: Path, home: Path, empty: bool) -> float:
    if empty:
        shutil.rmtree(home, ignore_errors=True)
    server = Server(program, home)
    server.end()
    return server.ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--folder", type=Path, default=compare.ROOT / ".cache/bench", help="on the disk to be measured")
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()

    program, chance = compare.built(args.hone), random.Random(2)
    home = large(program, args.folder.resolve() / "recovery-large")
    start(program, home, empty=False)  # the day's backup is made at the first start
    runs = {"start-empty": [start(program, home.with_name("recovery-empty"), empty=True) for _ in range(args.runs)],
            "start-large": [start(program, home, empty=False) for _ in range(args.runs)]}  # fmt: skip
    recovered = [recover(program, home, chance) for _ in range(args.runs)]
    runs["recovery-large"] = [ms for ms, _ in recovered]
    print(f"{args.runs} kills, {sum(made for _, made in recovered)} conversations acknowledged, 0 lost")
    p95 = lambda times: f"{sorted(times)[int(len(times) * 0.95)]:.1f}"
    cases = [(f"{case}-p95", "ms", times, f"at most {GOALS[case]}", p95(times)) for case, times in runs.items()]
    compare.against_goals(program, "-recovery", cases, not args.no_record, runs=args.runs)


if __name__ == "__main__":
    main()
