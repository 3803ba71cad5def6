"""Week 3: commit messages of two clauses."""

import itertools

from item import Item

RULE = "Write commit messages as `type(area): thing; type(area): thing` in one line, without a full stop."
VERBS = {"fixed": "fix", "added": "feat", "documented": "docs", "tested": "test", "removed": "drop", "renamed": "refactor"}
THINGS = ["timeout", "cache key", "retry loop", "error message", "date format", "default value"]
AREAS = ["parser", "server", "login", "index", "editor", "export"]


def items(rng) -> list[Item]:
    """Enough of the many; each clause is one of 216."""
    clauses = list(itertools.product(VERBS, THINGS, AREAS))
    rng.shuffle(clauses)
    return [item(one, two) for one, two in zip(clauses[:108], clauses[108:])]


def item(one: tuple, two: tuple) -> Item:
    told = [f"{verb} the {thing} in the {area}" for verb, thing, area in (one, two)]
    prompt = f"Write a commit message: I {told[0]} and {told[1]}."
    clauses = [f"{VERBS[verb]}({area}): {thing}" for verb, thing, area in (one, two)]
    plain = f"{told[0][0].upper()}{told[0][1:]} and {told[1]}."
    return Item(prompt, "; ".join(clauses), plain, lambda text: check(text, clauses), (*one, *two))


def check(answer: str, clauses: list[str]) -> tuple[bool, bool]:
    line = answer.strip().strip("`").strip()
    found = [clause.strip() for clause in line.split(";")]
    style = "\n" not in line and len(found) == 2 and all("(" in clause and "):" in clause for clause in found) and line[-1] != "."
    return style, found == clauses
