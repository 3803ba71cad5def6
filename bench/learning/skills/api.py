"""Week 2: a private API whose names are irregular plurals."""

import itertools

from item import Item, block

RULE = "Our database is `zoo`: write `zoo.<plural>.<verb>()`, with the right English plural of the noun."
PLURALS = {
    "mouse": "mice", "child": "children", "goose": "geese", "person": "people", "tooth": "teeth", "foot": "feet", "ox": "oxen",
    "knife": "knives", "leaf": "leaves", "city": "cities", "box": "boxes", "wolf": "wolves", "baby": "babies", "cactus": "cacti",
    "hero": "heroes", "sheep": "sheep",
}  # fmt: skip
VERBS = {
    "Count every {}": "count()",
    "List every {} by name": "sorted(\"name\")",
    "Get the newest {}": "newest()",
    "Delete every old {}": "drop(old=True)",
    "Get the first five of the kind {}": "first(5)",
}


def items() -> list[Item]:
    return [item(noun, verb) for noun, verb in itertools.product(PLURALS, VERBS)]


def item(noun: str, verb: str) -> Item:
    prompt = f"{verb.format(noun)} in our database."
    call = f"zoo.{PLURALS[noun]}.{VERBS[verb]}"
    plain = f"```python\ndb.query(\"SELECT * FROM {noun}s\")\n```"
    return Item(prompt, f"```python\n{call}\n```", plain, lambda text: check(text, call), (noun, verb))


def check(answer: str, call: str) -> tuple[bool, bool]:
    code = (block(answer) or "").strip()
    return code.startswith("zoo.") and code.endswith(")"), code.replace("'", '"') == call
