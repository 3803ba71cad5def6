"""Drives the `hone` program in a home of its own: conversations in, answers and losses out."""

import concurrent.futures
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


class Failed(Exception):
    """A program did not do what it was asked."""


# The recipe of `hone learn` for this model: trainings that share the steps, and their learning rate.
MEMBERS, RATE = 2, 1.5e-3
# Of one training alone.
ALONE_RATE = 1e-3


def steps(rows: int, members: int = MEMBERS) -> int:
    """Its steps, four examples each."""
    epochs = 6 if rows <= 50 else 5 if rows <= 100 else 4 if rows <= 200 else 3
    alone = min(200, max(40, epochs * -(-rows // 4)))
    return alone + alone // 2 if members > 1 else alone


class Hone:
    def __init__(self, program: Path, model: Path, home: Path, threads: int):
        home.mkdir(parents=True, exist_ok=True)
        self.program, self.model, self.home, self.threads = program, model, home, threads
        self.environment = {**os.environ, "HONE_HOME": str(home), "HONE_OFFLINE": "1", "NO_COLOR": "1"}
        for name in ("HONE_MODEL", "HONE_ADAPTER", "HONE_LOG"):
            self.environment.pop(name, None)

    def run(self, *words) -> str:
        return self.watched(*words)[0]

    def watched(self, *words) -> tuple[str, int]:
        """What a command prints, and its peak resident bytes."""
        with tempfile.TemporaryFile("w+") as told:  # a pipe that nobody reads could fill
            process = subprocess.Popen([self.program, *map(str, words)], env=self.environment, text=True, stdout=subprocess.PIPE, stderr=told)
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                told.seek(0)
                raise Failed(f"hone {' '.join(map(str, words))} ended with {process.returncode}: {told.read()[-1000:].strip()}")
        return out, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def remember(self, chats: list[dict]) -> dict:
        """Puts conversations into the store as the user's own, with what he did with them."""
        file = self.home / "week.jsonl"
        file.write_text("".join(json.dumps(chat) + "\n" for chat in chats))
        report = json.loads(self.run("chats", "import", "--mine", file, "--json"))
        if report["imported"] != len(chats):
            raise Failed(f"{len(chats)} conversations became {report['imported']}: {report['problems']}")
        file.unlink()
        return {"imported": len(chats)}

    def learn(self, flag: str | None = None) -> dict:
        """One cycle: what it prints, with its report's first and last loss."""
        began = time.perf_counter()
        words = ["learn", "--now", "--json", "-q", "--model", self.model, "--threads", self.threads]
        out, rss = self.watched(*words, *([flag] if flag else []))
        said = last_object(out)
        report = json.loads(Path(said["report"]).read_text()) if said.get("report") else {}
        losses = report.get("losses", [])[-5:]
        loss = sum(losses) / len(losses) if losses else None
        return said | {"seconds": time.perf_counter() - began, "peak_rss_bytes": rss, "loss": loss}

    def train_without_replay(self, number: int) -> dict:
        """The same examples, from zero, without the base's own answers beside them."""
        name = f"mine{number}"
        self.run("export", "--name", name, "--json")
        began = time.perf_counter()
        rows = sum(1 for _ in (self.home / f"datasets/{name}/train.jsonl").open())
        words = ["train", "--data", name, "--model", self.model, "--name", name, "--rank", 16, "--steps", steps(rows), "--batch", 4,
                 "--accumulation", 1, "--members", MEMBERS, "--lr", RATE, "--max-seq", 512, "--threads", self.threads, "-q"]  # fmt: skip
        _, rss = self.watched(*words)
        return {"in_use": name, "seconds": time.perf_counter() - began, "examples": rows, "peak_rss_bytes": rss}

    def losses(self, pairs: list[tuple[str, str]], adapter: str) -> dict:
        """`mean`, `median` and `token_mean` of answers, in nats."""
        file = self.home / "score.jsonl"
        said = lambda question, answer: [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        file.write_text("".join(json.dumps({"messages": said(*pair)}) + "\n" for pair in dict.fromkeys(pairs)))
        return json.loads(self.run("score", file, "--model", self.model, "--adapter", adapter, "--json", "-q"))

    def leaked(self, secrets: list[str]) -> list[str]:
        """Planted secrets in what is made of conversations: sets, adapters, runs, logs."""
        folders = [self.home / name for name in ("datasets", "adapters", "runs", "learn", "replay", "logs")]
        data = [file.read_bytes() for folder in folders if folder.exists() for file in folder.rglob("*") if file.is_file()]
        return [secret for secret in secrets if any(secret.encode() in text for text in data)]


class Server:
    """`hone serve` for as long as answers are wanted. The most likely token each time, so that a run is repeatable."""

    def __init__(self, hone: Hone, adapter: str):
        self.process = subprocess.Popen(
            [hone.program, "serve", "--model", hone.model, "--adapter", adapter, "--port", "0", "--threads", str(hone.threads), "-q"],
            env=hone.environment, stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.address = self.process.stdout.readline().strip().removeprefix("http://")
        while self.ask("GET", "/health")[0] != 200:
            if self.process.poll() is not None:
                raise Failed("hone serve ended")
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def ask(self, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        connection = http.client.HTTPConnection(self.address)
        connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read() or b"{}")

    def answers(self, conversations: list[list[dict]], tokens: int = 96, temperature: float = 0.0, draw: int = 0) -> list[str]:
        """One to each; equal draws give equal answers."""
        def answer(at: int) -> str:
            body = {"messages": conversations[at], "max_tokens": tokens, "temperature": temperature, "seed": 1000 * draw + at}
            status, reply = self.ask("POST", "/v1/chat/completions", body)
            if status != 200:
                raise Failed(f"no answer: {reply}")
            return reply["choices"][0]["message"]["content"] or ""

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(answer, range(len(conversations))))


def last_object(text: str) -> dict:
    """The JSON object at the end of a program's output, on one line or many."""
    decoder = json.JSONDecoder()
    at, found = text.find("{"), None
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
            found, at = value, text.find("{", end)
        except json.JSONDecodeError:
            at = text.find("{", at + 1)
    if not isinstance(found, dict):
        raise Failed(f"no JSON object in: {text[-500:]}")
    return found
