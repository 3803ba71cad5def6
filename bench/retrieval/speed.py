#!/usr/bin/env python3
"""Measures indexing beside Chroma with sentence-transformers on the same model, and questions at 100,000 passages.

hone walks, cuts, embeds and writes httpx and the crate ignore from nothing. Chroma gets the same passages for free, in
the form that hone embeds, and only embeds and adds them. Then 200 questions are asked to 100,000 passages in 10,000
files, and the folder is indexed again without a change.

usage: bench/retrieval/speed.py [--cache DIR] [--home DIR] [--hone PATH] [--pairs N] [--passages N] [--no-record]
"""

import argparse
import datetime
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import compare
import corpus
import peer as peers
import quality

FIELDS = ["date", "commit", "processor", "case", "unit", "hone", "chroma", "ratio"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=compare.ROOT / ".cache/retrieval-sources")
    parser.add_argument("--home", type=Path, default=compare.ROOT / ".cache/home", help="data folder with the model")
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--only", choices=["peer", "latency"])
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()
    hone, cache = compare.built(args.hone), args.cache.resolve()
    home = quality.home(hone, args.home.resolve(), cache)
    model = json.loads(subprocess.run([hone, "show", "all-minilm-l6-v2", "--json"], check=True, capture_output=True,
                                      env={**os.environ, "HONE_HOME": str(home)}).stdout)["path"]  # fmt: skip
    model = Path(model).resolve().parent

    rows = []
    if args.only != "latency":
        rows += against_chroma(hone, cache, home, model, args.pairs)
    if args.only != "peer":
        rows += latency(model, args.passages)
    about = {"date": datetime.date.today().isoformat(), "commit": compare.commit(), "processor": compare.processor()}
    for row in rows:
        versus = f"   Chroma {row['chroma']}   ratio {row['ratio']}" if "chroma" in row else ""
        print(f"{row['case']:28} {row['unit']:8} hone {row['hone']}{versus}", flush=True)
    if not args.no_record:
        path = compare.record([about | row for row in rows], FIELDS, "-retrieval-speed")
        print(f"recorded in {path.relative_to(compare.ROOT)}")


def against_chroma(hone: Path, cache: Path, home: Path, model: Path, pairs: int) -> list[dict]:
    """Files and passages a second of both, medians over pairs that take turns."""
    python = peers.packages(compare.ROOT / ".cache/retrieval", Path(__file__).parent / "requirements.txt")
    project = cache / "speed"
    for name, package in corpus.packages(cache).items():
        corpus.copy(package, name, project / name, False)
    ours, theirs = [], []
    for _ in range(pairs):
        for file in home.glob("index.db*"):
            file.unlink()
        began = time.perf_counter()
        out = subprocess.run([hone, "-q", "index", "add", project, "--json"], check=True, capture_output=True,
                             env={**os.environ, "HONE_HOME": str(home)}).stdout  # fmt: skip
        ours.append(time.perf_counter() - began)
        report = json.loads(out)
        texts = cache / "passages.jsonl"
        export(home / "index.db", texts)
        shutil.rmtree(cache / "chroma", ignore_errors=True)
        os.environ["OMP_NUM_THREADS"] = str(os.cpu_count())
        out, _ = peers.run([python, Path(__file__).parent / "chroma_peer.py", model, texts, cache / "chroma"])
        theirs.append(json.loads(out.splitlines()[-1])["total_s"])
    ratios = sorted(b / a for a, b in zip(ours, theirs))
    ours, theirs = sorted(ours)[pairs // 2], sorted(theirs)[pairs // 2]
    return [{"case": f"index-{what}", "unit": f"{what}/s", "hone": f"{count / ours:.1f}", "chroma": f"{count / theirs:.1f}",
             "ratio": f"{ratios[pairs // 2]:.2f}"}
            for what, count in [("files", report["files"]), ("passages", report["passages"])]]  # fmt: skip


def export(index: Path, to: Path) -> None:
    """The passages of an index, as texts with their path and name."""
    rows = sqlite3.connect(index).execute("SELECT path, coalesce(name, ''), text FROM passage JOIN file ON file.id = file_id")
    to.write_text("".join(json.dumps(f"{path}\n{name}\n{text}") + "\n" for path, name, text in rows))


def latency(model: Path, passages: int) -> list[dict]:
    """What crates/knowledge/examples/latency.rs measures."""
    subprocess.run(["cargo", "build", "--release", "-q", "-p", "knowledge", "--example", "latency"], check=True, cwd=compare.ROOT)
    program = Path(os.environ.get("CARGO_TARGET_DIR", compare.ROOT / "target")) / "release/examples/latency"
    out = json.loads(subprocess.run([program, model, str(passages)], check=True, capture_output=True).stdout)
    print(json.dumps(out), flush=True)
    return [{"case": f"question-{by}-p50", "unit": "ms", "hone": out[f"{by}_p50_ms"]} for by in quality.WAYS] + [
        {"case": "question-both-p95", "unit": "ms", "hone": out["both_p95_ms"]},
        {"case": "load-vectors", "unit": "ms", "hone": out["load_ms"]},
        {"case": f"unchanged-{out['files']}-files", "unit": "s", "hone": out["unchanged_s"]},
    ]


if __name__ == "__main__":
    main()
