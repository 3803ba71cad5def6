"""Six weeks of a simulated user: what he does, and what is asked afterwards. The same for a seed."""

import random
from dataclasses import dataclass, field

from item import Item, divide
from skills import api, commits, functions, queries, rules

INTERACTIONS, HELD = 40, 16


@dataclass
class Week:
    number: int
    name: str
    rule: str
    learned: list[Item]
    held: list[Item]
    # Rules that are demonstrated in this week.
    rules: list = field(default_factory=list)
    # Shares of wrong thumbs, cut answers and secrets.
    noise: tuple[float, float, float] = (0.0, 0.0, 0.0)


def weeks(seed: int) -> list[Week]:
    rng = random.Random(seed)
    taught = rules.rules()
    made = [
        ("functions", functions.RULE, functions.items()),
        ("private API", api.RULE, api.items()),
        ("commit messages", commits.RULE, commits.items(rng)),
        ("queries", queries.RULE, queries.items()),
    ]
    found = []
    for number, (name, rule, items) in enumerate(made, 1):
        shown = [taught[number // 2 - 1]] if number in (2, 4) else []
        demonstrations = sum(len(rule.shown) for rule in shown)
        learned, held = divide(items, INTERACTIONS - demonstrations, HELD, rng)
        found.append(Week(number, name, rule, learned, held, shown))
    learned, held = divide(functions.items(changed=True), INTERACTIONS, HELD, rng)
    found.append(Week(5, "functions, otherwise", functions.RULE_5, learned, held))
    # The last week is of everything that holds, and the user is careless. It is judged by what the weeks before asked.
    asked = {item.prompt for week in found if week.number > 1 for item in week.held}
    mixed = []
    for items in (api.items(), commits.items(rng), queries.items(), functions.items(changed=True)):
        mixed += rng.sample([item for item in items if item.prompt not in asked], 10)
    rng.shuffle(mixed)
    found.append(Week(6, "noise", "", mixed, [], noise=(0.25, 0.10, 0.05)))
    return found


def standing(all_weeks: list[Week], upto: int) -> list[Week]:
    """The weeks whose habits still hold after that week: what was contradicted is gone."""
    past = [week for week in all_weeks if week.number <= upto and week.held]
    return [week for week in past if not (week.number == 1 and upto >= 5)]
