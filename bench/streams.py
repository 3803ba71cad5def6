#!/usr/bin/env python3
"""Measures what idle event streams cost `hone serve` in memory, and keeps the figure in bench/record/.

A turn that waits for the user's consent to a web search tells its beginning and then nothing. So many clients listen
to it; each must have heard the beginning, and all must still be connected and hear the end. What is counted is the
resident memory that is not a file's, with all of them less what it was before the first.

usage: bench/streams.py [--streams N] [--rounds N] [--hone PATH] [--model PATH] [--no-record]
"""

import argparse
import datetime
import http.client
import json
import os
import re
import resource
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import compare

FIELDS = ["date", "commit", "processor", "case", "unit", "hone", "rounds", "hone_version", "hone_runs"]
# Speaks no sense and is small: what is measured does not depend on the model.
TINY = compare.ROOT / "crates/engine/tests/fixtures/models/llama.gguf"


class Server:
    """A running `hone serve` with a turn that waits."""

    def __init__(self, program: Path, model: Path, home: str):
        self.process = subprocess.Popen([program, "serve", "--model", model, "--port", "0", "-q"], stdout=subprocess.PIPE,
                                        env={**os.environ, "HONE_HOME": home}, text=True)  # fmt: skip
        self.address = self.process.stdout.readline().strip().removeprefix("http://")
        while self.ask("GET", "/health")[0] != 200:
            time.sleep(0.05)
        chat = self.ask("POST", "/api/chats", {})[1]["id"]
        said = {"text": "the news", "intent": "search", "web": "ask"}
        self.turn = self.ask("POST", f"/api/chats/{chat}/messages", said)[1]["turn"]

    def ask(self, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        connection = http.client.HTTPConnection(self.address)
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read() or b"{}")

    def listen(self) -> socket.socket:
        """A client that has heard the beginning."""
        host, port = self.address.split(":")
        stream = socket.create_connection((host, int(port)))
        stream.settimeout(10)
        stream.sendall(f"GET /api/turns/{self.turn}/events HTTP/1.1\r\nHost: {self.address}\r\n\r\n".encode())
        heard = b""
        while b"event: searching" not in heard:
            piece = stream.recv(65536)
            if not piece:
                raise SystemExit(f"a stream ended early: {heard!r}")
            heard += piece
        return stream

    def memory(self) -> float:
        """MiB that are not a file's."""
        return int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1]) / 1024

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


def cost(program: Path, model: Path, count: int) -> float:
    with tempfile.TemporaryDirectory() as home:
        server = Server(program, model, home)
        try:
            [stream.close() for stream in [server.listen() for _ in range(4)]]  # what the first clients cost once
            time.sleep(1)
            before = server.memory()
            streams = [server.listen() for _ in range(count)]
            time.sleep(2)
            cost = server.memory() - before
            server.ask("POST", f"/api/turns/{server.turn}/stop", {})
            for stream in streams:
                heard = b""
                while piece := stream.recv(65536):
                    heard += piece
                    if b"event: kept" in heard:
                        break
                if b"event: kept" not in heard:
                    raise SystemExit("a stream did not hear the end")
                stream.close()
            return cost
        finally:
            server.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--model", type=Path, default=TINY)
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()

    program = compare.built(args.hone)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * args.streams)), hard))
    runs = [cost(program, args.model, args.streams) for _ in range(args.rounds)]
    row = compare.summary(f"{args.streams}-idle-streams", "MiB", runs, [])
    print(f"{row['case']}: {row['hone']} MiB ({1024 * float(row['hone']) / args.streams:.1f} KiB each)")
    if not args.no_record:
        fixed = {"date": datetime.date.today().isoformat(), "commit": compare.commit(), "processor": compare.processor(),
                 "rounds": args.rounds, "hone_version": compare.Hone(program, 1).version}  # fmt: skip
        row = {key: value for key, value in row.items() if key in FIELDS}
        print(f"recorded in {compare.record([fixed | row], FIELDS, '-streams').relative_to(compare.ROOT)}")


if __name__ == "__main__":
    main()
