"""Drives the `hone` program in a home of its own: conversations in, answers and losses out."""

import concurrent.futures
import http.client
import json
import os
import subprocess
import time
from pathlib import Path


class Hone:
    def __init__(self, program: Path, model: Path, home: Path, threads: int):
        home.mkdir(parents=True, exist_ok=True)
        self.program, self.model, self.home, self.threads = program, model, home, threads
        self.environment = {**os.environ, "HONE_HOME": str(home), "HONE_OFFLINE": "1", "NO_COLOR": "1"}
        for name in ("HONE_MODEL", "HONE_ADAPTER", "HONE_LOG"):
            self.environment.pop(name, None)

    def run(self, *words) -> str:
        done = subprocess.run([self.program, *map(str, words)], env=self.environment, text=True, capture_output=True)
        if done.returncode:
            raise SystemExit(f"hone {' '.join(map(str, words))}: {done.stderr.strip()}")
        return done.stdout

    def remember(self, chats: list[dict]) -> None:
        """Puts conversations into the store as the user's own, with what he did with them."""
        file = self.home / "week.jsonl"
        file.write_text("".join(json.dumps(chat) + "\n" for chat in chats))
        report = json.loads(self.run("chats", "import", "--mine", file, "--json"))
        if report["imported"] != len(chats):
            raise SystemExit(f"{len(chats)} conversations became {report['imported']}: {report['problems']}")
        file.unlink()

    def learn(self) -> dict:
        """One cycle; the last JSON object of what it prints."""
        began = time.perf_counter()
        out = self.run("learn", "--now", "--json", "--model", self.model)
        report = last_object(out)
        return {"seconds": time.perf_counter() - began} | report

    def train_without_replay(self) -> dict:
        """The same examples, from zero, without the base's own answers beside them."""
        self.run("export", "--name", "mine", "--json")
        began = time.perf_counter()
        rows = sum(1 for _ in (self.home / "datasets/mine/train.jsonl").open())
        epochs = 4 if rows <= 50 else 3 if rows <= 200 else 2
        name = f"plain{int(time.time())}"
        self.run("train", "--data", "mine", "--model", self.model, "--name", name, "--rank", 16, "--epochs", epochs, "--batch", 1,
                 "--accumulation", 4, "--lr", 1e-3, "--max-seq", 512, "--threads", self.threads)  # fmt: skip
        return {"adapter": name, "seconds": time.perf_counter() - began, "examples": rows, "decision": "none"}

    def losses(self, pairs: list[tuple[str, str]], adapter: str) -> dict:
        """`mean`, `median` and `token_mean` of answers, in nats."""
        file = self.home / "score.jsonl"
        said = lambda question, answer: [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        file.write_text("".join(json.dumps({"messages": said(*pair)}) + "\n" for pair in dict.fromkeys(pairs)))
        return json.loads(self.run("score", file, "--model", self.model, "--adapter", adapter, "--json", "-q"))

    def leaked(self, secrets: list[str]) -> list[str]:
        """Planted secrets in what is made of conversations: sets, adapters, runs, logs."""
        folders = [self.home / name for name in ("datasets", "adapters", "runs", "logs")]
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
                raise SystemExit("hone serve ended")
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

    def answers(self, conversations: list[list[dict]], tokens: int = 96, temperature: float = 0.0) -> list[str]:
        def answer(at: int) -> str:
            body = {"messages": conversations[at], "max_tokens": tokens, "temperature": temperature, "seed": at}
            status, reply = self.ask("POST", "/v1/chat/completions", body)
            if status != 200:
                raise SystemExit(f"no answer: {reply}")
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
        raise SystemExit(f"no JSON object in: {text[-500:]}")
    return found
