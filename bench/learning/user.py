"""What the simulated user does in a week, as conversations in hone's own form (`hone chats import --mine`)."""

import datetime
import random

from item import Item
from weeks import Week

# Of forty: edits, thumbs, regenerations, corrections; the rest is read and left.
SHARES = [("edit", 0.6), ("up", 0.15), ("again", 0.1), ("correct", 0.1), ("silent", 0.05)]
START = datetime.datetime(2026, 1, 5, 9, 0, tzinfo=datetime.timezone.utc)


def conversations(week: Week, seed: int) -> list[dict]:
    rng = random.Random(seed * 1000 + week.number)
    demonstrated = [item for rule in week.rules for item in rule.shown]
    items = week.learned + demonstrated
    rng.shuffle(items)
    kinds = [kind for kind, share in SHARES for _ in range(round(share * len(items)))]
    kinds = (kinds + ["edit"] * len(items))[: len(items)]
    rng.shuffle(kinds)
    return [conversation(week, n, item, kind, rng) for n, (item, kind) in enumerate(zip(items, kinds))]


def conversation(week: Week, n: int, item: Item, kind: str, rng: random.Random) -> dict:
    """An interaction: a conversation of its own, as people have them."""
    wrong, cut, secret = week.noise
    answer, prompt = item.answer, item.prompt
    if rng.random() < cut:
        answer = answer[: len(answer) * 2 // 3]
        answer = answer if answer.startswith("```") else "```\n" + answer
    if rng.random() < secret:
        answer = f"{answer}\nexport API_TOKEN={fake_secret(rng)}"
    time = START + datetime.timedelta(days=7 * (week.number - 1), minutes=10 * n)
    chat = {"id": f"week{week.number}-{n}", "title": f"week {week.number}, {n}", "created": time.isoformat(), "branches": []}
    say = lambda role, text, **more: {"role": role, "content": text, "created": time.isoformat(), **more}
    question = say("user", prompt, id="q")
    thumb = lambda good: [{"kind": "up" if good != (rng.random() < wrong) else "down"}]
    if kind == "edit":
        chat["messages"] = [question, say("assistant", answer, id="e", meta={"edit_of": "a"})]
        chat["branches"] = [say("assistant", item.plain, id="a", parent="q")]
    elif kind == "up":
        chat["messages"] = [question, say("assistant", answer, id="a", feedback=thumb(True))]
    elif kind == "again":
        chat["messages"] = [question, say("assistant", answer, id="b", feedback=thumb(True))]
        chat["branches"] = [say("assistant", item.plain, id="a", parent="q", feedback=thumb(False))]
    elif kind == "correct":
        chat["messages"] = [question, say("assistant", item.plain, id="a", feedback=[{"kind": "correction", "text": "not so"}]),
                            say("user", f"No, that is not my style. {prompt}", id="r"),
                            say("assistant", answer, id="b", feedback=thumb(True))]  # fmt: skip
    else:
        chat["messages"] = [question, say("assistant", item.plain, id="a")]
    return chat


def fake_secret(rng: random.Random) -> str:
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "ghp_" + "".join(rng.choice(letters) for _ in range(36))


def secrets(chats: list[dict]) -> list[str]:
    """The planted ones: nowhere may one of them appear again."""
    texts = [message["content"] for chat in chats for message in chat["messages"] + chat["branches"]]
    return [text.split("API_TOKEN=")[1].split()[0] for text in texts if "API_TOKEN=" in text]


def examples(chats: list[dict]) -> list[tuple[str, str]]:
    """What anybody would take from these conversations without looking: questions and the answers that were liked."""
    pairs = []
    for chat in chats:
        last, question = chat["messages"][-1], [m for m in chat["messages"] if m["role"] == "user"][-1]
        if any(row["kind"] == "down" for row in last.get("feedback", [])):
            continue
        if last.get("feedback") or last.get("meta"):
            pairs.append((question["content"], last["content"]))
    return pairs
