#!/usr/bin/env python3
"""Measures hone and llama.cpp in turns on this machine, and keeps the medians in bench/record/.

One command does everything: builds both, fetches the starter model, makes its other formats and a 7B-shaped file,
measures speed, memory and the time to the first token, and appends a CSV row for each case.

usage: bench/compare.py [--only CASE[,CASE]] [--pairs N] [--threads N] [--cache DIR] [--hone PATH] [--no-record]
cases: q4_1-prefill q4_1-decode q4_1-four q4_0-prefill q4_0-decode q8_0-prefill q8_0-decode
       7b-prefill 7b-decode memory memory-7b start
"""

import argparse
import csv
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

import peer as peers

ROOT = Path(__file__).resolve().parent.parent
# No measurement may touch the user's own models or chats.
os.environ.setdefault("HONE_HOME", str(ROOT / ".cache/home"))
FIELDS = ["date", "commit", "processor", "threads", "case", "unit", "hone", "llama_cpp", "ratio", "pairs",
          "hone_version", "llama_cpp_version", "hone_runs", "llama_cpp_runs"]


class Hone:
    """The program under test."""

    def __init__(self, program: Path, threads: int):
        self.program, self.threads = program, threads
        self.version = subprocess.check_output([program, "--version"], text=True).split()[-1]

    def bench(self, model: Path, prompt: int, answer: int, sequences: int = 1) -> dict:
        out, _ = peers.run([self.program, "bench", "--model", model, "--threads", self.threads, "--repeat", 1, "--json",
                            "--prompt-tokens", prompt, "--gen-tokens", answer, "--parallel", sequences])
        return json.loads(out)

    def first_token_ms(self, model: Path) -> float:
        """From the start of the program to the first byte of the answer."""
        began = time.perf_counter()
        process = subprocess.Popen([self.program, "chat", "--model", model, "--threads", str(self.threads), "-p", "Hello",
                                    "--max-tokens", "8"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        first = process.stdout.read(1)
        took = time.perf_counter() - began
        process.stdout.read()
        if process.wait() != 0 or not first:
            raise SystemExit("hone chat gave no answer")
        return took * 1000


class Files:
    """The models, made when first asked for."""

    def __init__(self, cache: Path, hone: Path, peer: peers.Peer):
        self.cache, self.hone, self.peer = cache, hone, peer

    def starter(self) -> Path:
        home = {**os.environ, "HONE_HOME": str(ROOT / ".cache/home")}
        show = [self.hone, "show", "smollm2-135m", "--json"]
        if subprocess.run(show, env=home, capture_output=True).returncode != 0:
            subprocess.run([self.hone, "pull", "smollm2-135m"], env=home, check=True)
        return Path(json.loads(subprocess.check_output(show, env=home))["path"])

    def get(self, name: str) -> Path:
        if name == "q4_1":
            return self.starter()
        target = self.cache / f"{name}.gguf"
        if name == "7b":
            if not target.exists():
                print("writing the 7B-shaped file ...", flush=True)
                part = target.with_suffix(".part")
                python = peers.environment(self.cache) / "python"
                subprocess.run([python, ROOT / "bench/shape7b.py", part], check=True)
                part.rename(target)
            return target
        return self.peer.quantize(self.starter(), target, name.upper())


def cases(hone: Hone, peer: peers.Peer, files: Files) -> dict:
    """Each case: unit, and for hone and the peer a function that measures once."""
    threads = hone.threads
    table = {}

    def speed(name: str, prompt: int, answer: int) -> None:
        # The peer's programs measure prompt and answer apart, the answer from an empty context. So does this.
        table[f"{name}-prefill"] = ("tokens/s",
                                    lambda: hone.bench(files.get(name), prompt, 1)["prefill_tps"],
                                    lambda: peer.prefill(files.get(name), prompt, threads)[0])
        table[f"{name}-decode"] = ("tokens/s",
                                   lambda: hone.bench(files.get(name), 1, answer)["decode_tps"],
                                   lambda: peer.decode(files.get(name), answer, threads)[0])

    def beyond_file(report: dict) -> float:
        return (report["peak_rss_bytes"] - report["file_bytes"] - report["kv_bytes"]) / 1e6

    for name in ("q4_1", "q4_0", "q8_0"):
        speed(name, 512, 128)
    speed("7b", 128, 16)
    table["q4_1-four"] = ("tokens/s",
                          lambda: hone.bench(files.get("q4_1"), 16, 128, sequences=4)["decode_tps"],
                          lambda: peer.decode_many(files.get("q4_1"), 16, 128, 4, threads)[0])
    table["memory"] = ("MB", lambda: beyond_file(hone.bench(files.get("q4_1"), 512, 128)), None)
    table["memory-7b"] = ("MB", lambda: beyond_file(hone.bench(files.get("7b"), 128, 16)), None)
    table["start"] = ("ms", lambda: hone.first_token_ms(files.get("q4_1")), None)
    return table


def measure(ours, theirs, pairs: int) -> tuple[list, list]:
    """Runs that took turns; none of the peer where it has nothing to measure."""
    hone_runs, peer_runs = [], []
    for _ in range(pairs):
        hone_runs.append(ours())
        if theirs:
            peer_runs.append(theirs())
    return hone_runs, peer_runs


def summary(case: str, unit: str, hone_runs: list, peer_runs: list, peer: str = "llama_cpp") -> dict:
    """A row of the record: medians; the ratio is the median of the pairs' ratios."""
    show = lambda value: f"{value:.1f}" if value >= 10 else f"{value:.3g}"
    row = {"case": case, "unit": unit, "pairs": len(hone_runs), "hone": show(statistics.median(hone_runs)),
           "hone_runs": " ".join(map(show, hone_runs)), f"{peer}_runs": " ".join(map(show, peer_runs))}
    if peer_runs:
        row[peer] = show(statistics.median(peer_runs))
        row["ratio"] = f"{statistics.median(a / b for a, b in zip(hone_runs, peer_runs)):.2f}"
    return row


def built(program: Path | None) -> Path:
    """The program under test, built where none is named."""
    if not program:
        subprocess.run(["cargo", "build", "--release", "-q", "-p", "cli"], cwd=ROOT, check=True)
        program = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/hone"
    return program.resolve()


def processor() -> str:
    if platform.system() == "Darwin":
        return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True).strip()
    info = Path("/proc/cpuinfo").read_text()
    fields = dict(re.findall(r"^([\w ]+?)\s*:\s*(.*)$", info, re.M))
    name = fields.get("model name") or fields.get("CPU part", platform.machine())
    return f"{name} family {fields['cpu family']} model {fields['model']}" if "cpu family" in fields else name


def commit() -> str:
    git = lambda *words: subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True).stdout.strip()
    return git("rev-parse", "--short", "HEAD") + ("-dirty" if git("status", "--porcelain", "-uno") else "")


def record(rows: list[dict], fields: list[str], kind: str = "") -> Path:
    """Appends to bench/record/<machine>/<date><kind>.csv."""
    machine = re.sub(r"[^a-z0-9]+", "-", f"{processor()} {os.cpu_count()} cores".lower()).strip("-")
    path = ROOT / "bench/record" / machine / f"{datetime.date.today()}{kind}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)
    return path


def against_goals(program: Path, kind: str, cases: list[tuple], keep: bool, **runs: int) -> None:
    """Prints what hone alone reached beside what the project promises, and records it. A case is its name, the unit, the
    runs, the goal, and what is taken of the runs where that is not the median."""
    fields = ["date", "commit", "processor", "case", "unit", "hone", "goal", *runs, "hone_version", "hone_runs"]
    fixed = {"date": datetime.date.today().isoformat(), "commit": commit(), "processor": processor(),
             "hone_version": Hone(program, 1).version}  # fmt: skip
    rows = []
    for case, unit, times, goal, *taken in cases:
        row = fixed | runs | summary(case, unit, times, []) | {"goal": goal} | ({"hone": taken[0]} if taken else {})
        rows.append({key: row[key] for key in fields})
        print(f"{case:28} {row['hone']:>9} {unit:11} {goal}")
    if keep:
        print(f"recorded in {record(rows, fields, kind).relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="cases, with commas between them; a prefix such as q4_1 takes all that start with it")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache/bench", help="where to build and to keep models")
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()

    cache = args.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    program = built(args.hone)
    peer = peers.build(cache, os.cpu_count())
    hone = Hone(program, args.threads)
    table = cases(hone, peer, Files(cache, program, peer))
    wanted = tuple(args.only.split(",")) if args.only else ("",)

    fixed = {"date": datetime.date.today().isoformat(), "commit": commit(), "processor": processor(),
             "threads": args.threads, "hone_version": hone.version, "llama_cpp_version": peer.version}
    rows = []
    for case, (unit, ours, theirs) in table.items():
        if case.startswith(wanted):
            row = summary(case, unit, *measure(ours, theirs, args.pairs))
            versus = f"llama.cpp {row['llama_cpp']:>8}   ratio {row['ratio']}" if theirs else ""
            print(f"{case:14} {unit:9} hone {row['hone']:>8}   {versus}", flush=True)
            rows.append(fixed | row)
    if not rows:
        raise SystemExit(f"no case starts with {args.only}: {' '.join(table)}")
    if not args.no_record:
        print(f"recorded in {record(rows, FIELDS).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
