"""Weeks 1 and 5: small Python functions in a house style, run on test vectors. In week 5 the user has changed his mind."""

import itertools
import re

from item import Item, block

RULE = "Write Python functions with the prefix fn_, with type hints, and compute into a variable called result."
RULE_5 = "Write Python functions in camelCase with the prefix calc and without type hints, and return in one line."

FIRST = {  # what is done with a and b
    "adds two numbers": ("add", "a + b"),
    "subtracts the second number from the first": ("subtract", "a - b"),
    "multiplies two numbers": ("multiply", "a * b"),
    "takes the larger of two numbers": ("larger", "max(a, b)"),
    "takes the smaller of two numbers": ("smaller", "min(a, b)"),
    "averages two numbers": ("average", "(a + b) / 2"),
    "takes the distance of two numbers": ("distance", "abs(a - b)"),
    "adds the squares of two numbers": ("squares", "a * a + b * b"),
}
THEN = {
    "doubles the result": ("double", "{} * 2"),
    "triples the result": ("triple", "{} * 3"),
    "squares the result": ("square", "({}) ** 2"),
    "negates the result": ("negate", "-({})"),
    "halves the result": ("halve", "{} / 2"),
    "adds one to the result": ("plus_one", "{} + 1"),
    "subtracts one from the result": ("minus_one", "{} - 1"),
    "adds ten to the result": ("plus_ten", "{} + 10"),
}
VECTORS = [(1, 2), (5, 3), (-4, 7), (0, 0), (2.5, -1.5), (10, 10)]


def items(changed: bool = False) -> list[Item]:
    return [item(first, then, changed) for first, then in itertools.product(FIRST, THEN)]


def item(first: str, then: str, changed: bool) -> Item:
    (one, start), (two, step) = FIRST[first], THEN[then]
    prompt = f"Write a Python function that {first} and then {then}."
    value = step.format("result")
    plain = f"```python\ndef {one}_and_{two}(a, b):\n    return {step.format(f'({start})')}\n```"
    if changed:
        name = "calc" + "".join(word.capitalize() for word in f"{one}_{two}".split("_"))
        answer = f"```python\ndef {name}(a, b): return {step.format(f'({start})')}\n```"
    else:
        answer = (f"```python\ndef fn_{one}_{two}(a: float, b: float) -> float:\n    result = {start}\n"
                  f"    result = {value}\n    return result\n```")  # fmt: skip
    wanted = [evaluate(start, step, a, b) for a, b in VECTORS]
    return Item(prompt, answer, plain, lambda text: check(text, wanted, changed), (first, then))


def evaluate(start: str, step: str, a: float, b: float) -> float:
    names = {"a": a, "b": b, "max": max, "min": min, "abs": abs}
    return eval(step.format("result"), {}, {"result": eval(start, {}, names)})  # our own tables


def check(answer: str, wanted: list[float], changed: bool) -> tuple[bool, bool]:
    code = block(answer)
    head = code and code.strip().splitlines()[0]
    if not head or not head.startswith("def "):
        return False, False
    name = head[4:].split("(")[0]
    if changed:
        style = name.startswith("calc") and "_" not in name and "->" not in head and "return" in head
    else:
        style = name.startswith("fn_") and "-> float" in head and ": float" in head and "result =" in code
    return style, outputs(code, name) == wanted


def outputs(code: str, name: str) -> list | None:
    """What the function gives; arithmetic only, for the code is a model's."""
    if re.search(r"\*\*(?!\s*2\b)", code):  # a power of a power takes for ever
        return None
    if any(word in code for word in ("import", "__", "open", "exec", "eval", "while", "for ", "input")):
        return None
    names = {"__builtins__": {"max": max, "min": min, "abs": abs, "float": float, "int": int, "round": round, "sum": sum}}
    try:
        exec(code, names)
        return [names[name](a, b) for a, b in VECTORS]
    except Exception:  # whatever a model's code does
        return None
