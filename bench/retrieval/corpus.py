"""The packages that questions are asked about, and questions made of their doc comments."""

import ast
import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

HTTPX = "httpx==0.28.1"
CRATE = "ignore"
DOC = re.compile(r"^\s*///( |$)")
ITEM = re.compile(r"^\s*(?:pub(?:\([a-z]+\))? )?(?:async |unsafe |const )*(?:fn|struct|enum|trait) (\w+)")


@dataclass
class Question:
    """What is asked, and the lines of the file that answer it (from 1, both included)."""

    text: str
    path: str
    lines: tuple[int, int]


def packages(cache: Path) -> dict[str, Path]:
    """Folders with the sources, fetched with pip and cargo."""
    cache.mkdir(parents=True, exist_ok=True)
    httpx = cache / HTTPX.replace("==", "-")
    if not httpx.exists():
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", cache, HTTPX], check=True)
        with zipfile.ZipFile(next(cache.glob("httpx-*.whl"))) as wheel:
            wheel.extractall(httpx)
    metadata = json.loads(subprocess.run(["cargo", "metadata", "--format-version", "1"], check=True,
                                         capture_output=True, cwd=Path(__file__).parent).stdout)  # fmt: skip
    manifest = next(p["manifest_path"] for p in metadata["packages"] if p["name"] == CRATE)
    return {"httpx": httpx, CRATE: Path(manifest).parent}


def copy(package: Path, name: str, to: Path, stripped: bool) -> list[Question]:
    """Copies the sources. With `stripped` doc comments are taken out, and come back as questions."""
    shutil.rmtree(to, ignore_errors=True)
    questions = []
    pattern, strip = ("httpx/**/*.py", strip_python) if name == "httpx" else ("src/**/*.rs", strip_rust)
    for file in sorted(package.glob(pattern)):
        path = file.relative_to(package).as_posix()
        text = file.read_text()
        if stripped:
            text, found = strip(text)
            questions += [Question(q, path, lines) for q, lines in found]
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        (to / path).write_text(text)
    return questions


def strip_python(text: str) -> tuple[str, list]:
    """Takes docstrings out. A question is the first sentence of one."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    documented = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (*kinds, ast.Module)) and ast.get_docstring(n)]
    lines, gone, found = text.split("\n"), set(), []
    for node in documented:
        doc = node.body[0]
        gone.update(range(doc.lineno, doc.end_lineno + 1))
        if isinstance(node, kinds) and (question := sentence(ast.get_docstring(node))):
            found.append((question, node.lineno, node.end_lineno))
        if len(node.body) == 1:  # a body of a docstring alone
            gone.discard(doc.lineno)
            lines[doc.lineno - 1] = re.match(r"\s*", lines[doc.lineno - 1])[0] + "..."
    return without(lines, gone, found)


def strip_rust(text: str) -> tuple[str, list]:
    """Takes `///` and `//!` comments out. A question is the first sentence above an item."""
    lines, gone, found, doc = text.split("\n"), set(), [], []
    for number, line in enumerate(lines, 1):
        if line.strip() == "mod tests {":
            break
        if DOC.match(line) or line.startswith("//!"):
            gone.add(number)
            doc += [line.strip()[3:].strip()] if DOC.match(line) else []
        elif (item := ITEM.match(line)) and doc:
            if question := sentence("\n".join(doc)):
                found.append((question, number, end_of_item(lines, number)))
            doc = []
        elif not line.strip().startswith("#["):
            doc = []
    return without(lines, gone, found)


def end_of_item(lines: list[str], start: int) -> int:
    """The last line of an item that begins in a line: rustfmt closes it with the same indentation."""
    indent = re.match(r"\s*", lines[start - 1])[0]
    for number in range(start, len(lines) + 1):
        line = lines[number - 1]
        if line.startswith(indent + "}") or number == start and line.rstrip().endswith((";", "}")):
            return number
    return start


def without(lines: list[str], gone: set[int], found: list) -> tuple[str, list]:
    """The text without some lines, and where the found ranges are then."""
    kept = [line for number, line in enumerate(lines, 1) if number not in gone]
    removed, moved = 0, {}
    for number in range(1, len(lines) + 1):
        removed += number in gone
        moved[number] = number - removed
    return "\n".join(kept), [(q, (moved[a], moved[b])) for q, a, b in found]


def sentence(doc: str) -> str | None:
    """The first sentence of a comment, if it says enough to be asked."""
    first = re.split(r"(?<=[.!?])\s|\n\s*\n", doc.strip())[0]
    first = re.sub(r"\s+", " ", re.sub(r"[`*]|\[|\]\([^)]*\)|\]", "", first)).strip(" .:")
    return first if 4 <= len(first.split()) <= 30 else None


def written(folder: Path, package: str) -> list[Question]:
    """The hand-written questions about a package, with the lines of what they ask for."""
    rows = [json.loads(line) for line in (Path(__file__).parent / "questions.jsonl").read_text().splitlines()]
    return [Question(row["question"], row["path"], lines_of((folder / row["path"]).read_text(), row["name"]))
            for row in rows if row["package"] == package]  # fmt: skip


def lines_of(text: str, name: str) -> tuple[int, int]:
    """Where a function or type is: `Class.method` or `name`."""
    lines, start, end = text.split("\n"), 1, text.count("\n") + 1
    for part in name.split("."):
        head = re.compile(rf"^\s*(?:pub(?:\([a-z]+\))? )?(?:async |const )*(?:def|class|fn|struct|enum|trait|const) {part}\b")
        start = next(n for n in range(start, end + 1) if head.match(lines[n - 1]))
        if lines[start - 1].lstrip().startswith(("def", "class", "async def")):
            indent = len(lines[start - 1]) - len(lines[start - 1].lstrip())
            # A signature over several lines ends with a bracket at the indentation of `def`.
            inside = lambda line: not line.strip() or len(line) - len(line.lstrip()) > indent or line.lstrip().startswith(")")
            end = next((n - 1 for n in range(start + 1, len(lines) + 1) if not inside(lines[n - 1])), len(lines))
        else:
            end = end_of_item(lines, start)
    return start, end
