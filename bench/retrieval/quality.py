#!/usr/bin/env python3
"""Asks questions about two packages, and says how often the answer is among the first five passages.

Generated questions are the doc comments of httpx (from PyPI) and of the crate ignore; the comments are taken out of
what is indexed for them. The hand-written ones (questions.jsonl) are asked to the sources as they are. Nothing is
tuned on the hand-written ones. Needs the embedding model in the data folder that is named, or fetches it there.

usage: bench/retrieval/quality.py [--cache DIR] [--home DIR] [--hone PATH] [--show] [--no-record]
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import compare
import corpus

FIELDS = ["date", "commit", "processor", "questions", "by", "count", "recall_at_5", "mrr"]
WAYS = ["words", "vectors", "both"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=compare.ROOT / ".cache/retrieval-sources")
    parser.add_argument("--home", type=Path, default=compare.ROOT / ".cache/home", help="data folder with the model")
    parser.add_argument("--hone", type=Path, help="the program; built where it is left out")
    parser.add_argument("--show", action="store_true", help="print the questions that are not answered")
    parser.add_argument("--no-record", action="store_true", help="print only")
    args = parser.parse_args()
    hone = compare.built(args.hone)
    cache = args.cache.resolve()
    os.environ["HONE_HOME"] = str(home(hone, args.home.resolve(), cache))

    packages = corpus.packages(cache)
    rows = []
    for kind in ["generated", "hand-written"]:
        asked = []
        for name, package in packages.items():
            folder = cache / "indexed" / kind / name
            questions = corpus.copy(package, name, folder, kind == "generated")
            subprocess.run([hone, "-q", "index", "add", folder], check=True, stdout=subprocess.DEVNULL)
            asked.append((folder, questions if kind == "generated" else corpus.written(folder, name)))
        for by in WAYS:
            places = [place for folder, questions in asked for place in ask(hone, folder, questions, by, args.show)]
            recall = sum(1 for place in places if place and place <= 5) / len(places)
            mrr = sum(1 / place for place in places if place) / len(places)
            print(f"{kind:13} {by:8} {len(places):4} questions  recall@5 {recall:.3f}  MRR {mrr:.3f}", flush=True)
            rows.append({"date": datetime.date.today().isoformat(), "commit": compare.commit(),
                         "processor": compare.processor(), "questions": kind, "by": by, "count": len(places),
                         "recall_at_5": f"{recall:.4f}", "mrr": f"{mrr:.4f}"})  # fmt: skip
    if not args.no_record:
        print(f"recorded in {compare.record(rows, FIELDS, '-retrieval').relative_to(compare.ROOT)}")
    for kind in ["generated", "hand-written"]:
        of = {row["by"]: float(row["recall_at_5"]) + float(row["mrr"]) for row in rows if row["questions"] == kind}
        if of["both"] <= max(of["words"], of["vectors"]):
            sys.exit(f"on {kind} questions both together are not better than one of them")


def home(hone: Path, model_home: Path, cache: Path) -> Path:
    """A data folder with an index of its own and the model."""
    subprocess.run([hone, "-q", "pull", "all-minilm-l6-v2"], check=True, env={**os.environ, "HONE_HOME": str(model_home)})
    own = cache / "home"
    own.mkdir(parents=True, exist_ok=True)
    if not (own / "models").exists():
        (own / "models").symlink_to(model_home / "models")
    return own


def ask(hone: Path, folder: Path, questions: list, by: str, show: bool) -> list[int | None]:
    """For each question the place of the first passage that overlaps the answer, from 1, within ten."""
    file = folder.parent / f"{folder.name}.questions"
    file.write_text("".join(q.text.replace("\n", " ") + "\n" for q in questions))
    out = subprocess.run([hone, "-q", "search", "--questions", file, "--project", folder, "--by", by, "-n", "10"],
                         check=True, capture_output=True, text=True).stdout  # fmt: skip
    places = []
    for question, line in zip(questions, out.splitlines(), strict=True):
        first, last = question.lines
        right = [n for n, hit in enumerate(json.loads(line), 1) if hit["passage"]["path"] == question.path
                 and hit["passage"]["lines"][0] <= last and first <= hit["passage"]["lines"][1]]  # fmt: skip
        places.append(right[0] if right else None)
        if show and (not right or right[0] > 5):
            print(f"  missed by {by}: {question.text!r}: {question.path}:{first}")
    return places


if __name__ == "__main__":
    main()
