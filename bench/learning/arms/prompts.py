"""Arms that put something before the question and train nothing, and memory beside an adapter."""

from retrieval import Memory
from weeks import Week, standing


def bare(question: str) -> list[dict]:
    return [{"role": "user", "content": question}]


def ruled(weeks: list[Week], upto: int):
    """The habits as an instruction, as somebody would write them down."""
    texts = [week.rule for week in standing(weeks, upto) if week.rule]
    texts += [rule.text for week in weeks if week.number <= upto for rule in week.rules]
    system = {"role": "system", "content": "Follow these rules where they apply:\n" + "\n".join(f"- {text}" for text in texts)}
    return lambda question: [system, *bare(question)]


def remembered(pairs: list[tuple[str, str]]):
    """Three liked answers to similar questions."""
    memory = Memory(pairs)
    return lambda question: [*memory.messages(question), *bare(question)]
