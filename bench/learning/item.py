"""One thing that the simulated user asks for, with a checker instead of a judge."""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    prompt: str
    # What the user wants to read.
    answer: str
    # What a model says that knows nothing of his habits; right or nearly so, in another style.
    plain: str
    # Whether an answer has the style, and whether what it says is right.
    check: Callable[[str], tuple[bool, bool]]
    # Whatever is combined in it: held-out items combine known parts anew.
    parts: tuple[str, ...]


def block(answer: str) -> str | None:
    """The first fenced block; None where there is none."""
    found = re.search(r"```[a-z]*\n(.*?)```", answer, re.DOTALL)
    return found and found[1]


def divide(items: list[Item], train: int, held: int, rng) -> tuple[list[Item], list[Item]]:
    """Items to learn from, and held-out ones: each part of these is seen in training, the combination is not."""
    for _ in range(1000):
        rng.shuffle(items)
        learned, rest = items[:train], items[train:]
        seen = {part for item in learned for part in item.parts}
        unseen = [item for item in rest if seen.issuperset(item.parts)]
        if len(unseen) >= held:
            return learned, unseen[:held]
    raise ValueError("the parts cannot be divided so that each is seen")
