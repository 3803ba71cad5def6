#!/usr/bin/env python3
"""Measures durable appends of messages: hone's store beside plain SQLite with a commit for each message.

Both write 300-byte messages into tables with an index and full-text search, with journal_mode=WAL and
synchronous=FULL, into the same folder, in turns. What one fsync of a page takes there is measured too.

    python3 bench/store.py [--folder .cache/bench] [--pairs 3]
"""

import argparse
import datetime
import json
import os
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import compare

FIELDS = ["date", "commit", "processor", "threads", "case", "unit", "hone", "sqlite", "ratio", "pairs", "hone_version",
          "sqlite_version", "hone_runs", "sqlite_runs"]  # fmt: skip
TEXT = "How do I find the commit that introduced a bug? " * 6
TABLES = """
CREATE TABLE messages (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, chat INTEGER, text TEXT);
CREATE INDEX messages_chat ON messages (chat, seq);
CREATE VIRTUAL TABLE words USING fts5 (text, content = 'messages', content_rowid = 'seq');
CREATE TRIGGER added AFTER INSERT ON messages BEGIN INSERT INTO words (rowid, text) VALUES (new.seq, new.text); END;
"""


def hone(folder: Path, seconds: float, threads: int) -> dict:
    program = Path(os.environ.get("CARGO_TARGET_DIR", compare.ROOT / "target")) / "release/examples/append"
    return json.loads(subprocess.check_output([program, folder, str(seconds), str(threads)]))


def plain(folder: Path, seconds: float, threads: int) -> dict:
    """One connection that the threads take in turns, a commit for each message."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        database = sqlite3.connect(Path(home, "plain.db"), isolation_level=None, check_same_thread=False)
        database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + TABLES)
        turn, waits = threading.Lock(), []
        until = time.monotonic() + seconds

        def work(chat: int) -> None:
            n = 0
            while time.monotonic() < until:
                began, n = time.monotonic(), n + 1
                with turn:
                    database.execute("INSERT INTO messages (id, chat, text) VALUES (?, ?, ?)", (f"{chat}-{n}", chat, TEXT))
                waits.append((time.monotonic() - began) * 1e3)

        workers = [threading.Thread(target=work, args=(chat,)) for chat in range(threads)]
        [worker.start() for worker in workers], [worker.join() for worker in workers]
        database.close()
    waits.sort()
    return {"appends_per_s": len(waits) / seconds, "p99_ms": waits[int(len(waits) * 0.99)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=compare.ROOT / ".cache/bench", help="on the disk to be measured")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each run")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cargo", "build", "--release", "-q", "-p", "store", "--examples"], cwd=compare.ROOT, check=True)

    rows, syncs = [], []
    for threads in (1, 16, 64):
        runs = [(hone(args.folder, args.seconds, threads), plain(args.folder, args.seconds, threads)) for _ in range(args.pairs)]
        syncs += [ours["fsync_p50_ms"] for ours, _ in runs]
        for measure, unit in (("appends_per_s", "messages/s"), ("p99_ms", "ms")):
            ours, theirs = [run[0][measure] for run in runs], [run[1][measure] for run in runs]
            rows.append(compare.summary(f"append-{measure.split('_')[0]}", unit, ours, theirs, "sqlite") | {"threads": threads})
    rows.append(compare.summary("fsync-p50", "ms", syncs, [], "sqlite") | {"threads": 1})
    version = statistics.mode(line.split('"')[1] for line in Path(compare.ROOT, "Cargo.toml").read_text().splitlines()
                              if line.startswith("version = "))  # fmt: skip
    fixed = {"date": datetime.date.today().isoformat(), "commit": compare.commit(), "processor": compare.processor(),
             "hone_version": version, "sqlite_version": sqlite3.sqlite_version}  # fmt: skip
    for row in rows:
        versus = f"plain SQLite {row['sqlite']:>8}   ratio {row['ratio']}" if "sqlite" in row else ""
        print(f"{row['threads']:3} threads {row['case']:16} {row['unit']:10} hone {row['hone']:>8}   {versus}", flush=True)
    if not args.no_record:
        print(f"recorded in {compare.record([fixed | row for row in rows], FIELDS, '-store').relative_to(compare.ROOT)}")


if __name__ == "__main__":
    main()
