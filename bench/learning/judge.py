"""Asks what is asked after a week, and counts: every answer has a checker."""

from compare import ROOT
from metrics import edit_cost
from skills import negatives
from weeks import Week, standing

# Tokens in which a fact must be named, and answers that are drawn beside the likeliest one.
FACT, DRAWN = 24, 4


def judge(hone, server, adapter: str, weeks: list[Week], upto: int, frame, reference: dict) -> list[dict]:
    """Rows of `week`, `metric` and `values`. `frame(question)` gives the messages before and with the question."""
    rows = []
    add = lambda week, metric, values: rows.append({"week": week, "metric": metric, "values": [float(v) for v in values]})
    for week in standing(weeks, upto):
        answers = server.answers([frame(item.prompt) for item in week.held])
        checked = [item.check(answer) for item, answer in zip(week.held, answers)]
        add(week.number, "style", [style for style, _ in checked])
        add(week.number, "correct", [style and right for style, right in checked])
        add(week.number, "edit_cost", [edit_cost(answer.strip(), item.answer) for item, answer in zip(week.held, answers)])
        scores = hone.losses([(item.prompt, item.answer) for item in week.held], adapter)
        add(week.number, "loss_mean", [scores["mean"]])
        add(week.number, "loss_median", [scores["median"]])
    for rule in [rule for week in weeks if week.number <= upto for rule in week.rules]:
        answers = server.answers([frame(item.prompt) for item in rule.held], 48)
        add(0, "rule_obeyed", [rule.fires(answer) for answer in answers])
        others = server.answers([frame(question) for question in negatives.NEGATIVES], 48)
        add(0, "rule_on_negatives", [rule.fires(answer) for answer in others])
    answers = server.answers([frame(question) for question in negatives.NEGATIVES], 48)
    add(0, "leaks", [negatives.leaks(answer) for answer in answers])
    known = reference["known"]
    add(0, "facts_kept", [2 * right > 1 + DRAWN for right in facts_right(server, known, frame)])
    if adapter != "base":
        # The base's own answers, drawn from it: the difference of the losses is KL(base || tuned), estimated.
        tuned = hone.losses(reference["samples"], adapter)
        add(0, "kl_drift", [tuned["token_mean"] - reference["loss"]])
    return rows


def facts_right(server, questions: list[str], frame) -> list[int]:
    """How many of a question's answers have its fact: the likeliest one and some that are drawn."""
    right = [0] * len(questions)
    for draw in range(1 + DRAWN):
        answers = server.answers([frame(question) for question in questions], FACT, 0.7 if draw else 0.0, draw)
        for at, answer in enumerate(answers):
            right[at] += negatives.knows(questions[at], answer)
    return right


def of_base(hone, server) -> dict:
    """What the base knows, and what it says to general prompts at temperature 1."""
    ask = lambda question: [{"role": "user", "content": question}]
    # What is right by chance today can be wrong tomorrow: a fact is known where every answer has it, and kept where most have.
    known = list(negatives.FACTS)
    known = [question for question, right in zip(known, facts_right(server, known, ask)) if right == 1 + DRAWN]
    samples = drawn(server, negatives.GENERAL * 2)
    return {"known": known, "samples": samples, "loss": hone.losses(samples, "base")["token_mean"]}


def replayed(server) -> list[tuple[str, str]]:
    """What the base says to the prompts that `hone learn` replays, none of which is judged with."""
    return drawn(server, (ROOT / "crates/learn/src/replay/prompts.txt").read_text(encoding="utf-8").splitlines())


def drawn(server, prompts: list[str]) -> list[tuple[str, str]]:
    """Prompts with the base's answers at temperature 1."""
    answers = server.answers([[{"role": "user", "content": prompt}] for prompt in prompts], 64, temperature=1.0)
    return [(prompt, answer) for prompt, answer in zip(prompts, answers) if answer.strip()]
