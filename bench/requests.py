#!/usr/bin/env python3
"""Measures how many requests a second `hone serve` answers where no model is involved, with wrk on 64 connections of the
same machine: GET /health, and a message that is on the disk before it is answered (an answer put beside another one).

wrk is installed with apt-get where it is missing and this is root. An answer with another status than 200 or 201 ends it.

usage: bench/requests.py [--seconds N] [--rounds N] [--folder DIR] [--hone PATH] [--no-record]
"""

import argparse
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import compare
from recovery import Server

GOALS = {"health": (10_000, 20), "append": (500, 50)}  # requests/s at least, p99 in ms at most
CONNECTIONS = 64
# Every thread of wrk goes round all answers.
APPEND = """
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
local ids, at = {%s}, math.random(64)
request = function()
  at = at %% #ids + 1
  return wrk.format(nil, "/api/messages/" .. ids[at] .. "/edit", nil, '{"text": "' .. at .. math.random() .. '%s"}')
end
"""


def wrk() -> str:
    if not shutil.which("wrk"):
        subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=True, stdout=subprocess.DEVNULL)
    return shutil.which("wrk")


def load(address: str, seconds: int, script: Path | None = None) -> tuple[float, float]:
    """Requests a second, and the 99th percentile of their time in milliseconds."""
    path = "/" if script else "/health"
    command = ["wrk", "-t", "2", "-c", str(CONNECTIONS), "-d", str(seconds), "--latency", f"http://{address}{path}"]
    out = subprocess.check_output(command + (["-s", str(script)] if script else []), text=True)
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(out)
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def answers(server: Server) -> list[str]:
    """An answer in each of 64 conversations."""
    said = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "It is that."}]
    chats = [{"id": f"load-{n}", "messages": said} for n in range(CONNECTIONS)]
    server.ask("POST", "/api/chats/import", {"conversations": chats})
    listed = server.ask("GET", f"/api/chats?limit={CONNECTIONS}")[1]["chats"]
    return [server.ask("GET", f"/api/chats/{chat['id']}")[1]["messages"][-1]["id"] for chat in listed]


def round_of(program: Path, folder: Path, seconds: int) -> dict:
    with tempfile.TemporaryDirectory(dir=folder) as home:
        server = Server(program, Path(home))
        try:
            script = Path(home) / "append.lua"
            script.write_text(APPEND % (", ".join(f'"{one}"' for one in answers(server)), "x" * 300))
            return {"health": load(server.address, seconds), "append": load(server.address, seconds, script)}
        finally:
            server.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=compare.ROOT / ".cache/bench", help="on the disk to be measured")
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()

    program = compare.built(args.hone)
    wrk()
    runs = [round_of(program, args.folder.resolve(), args.seconds) for _ in range(args.rounds)]
    cases = []
    for case, (least, most) in GOALS.items():
        cases += [(f"{case}-rate", "requests/s", [run[case][0] for run in runs], f"at least {least}"),
                  (f"{case}-p99", "ms", [run[case][1] for run in runs], f"at most {most}")]  # fmt: skip
    compare.against_goals(program, "-requests", cases, not args.no_record, rounds=args.rounds)


if __name__ == "__main__":
    main()
