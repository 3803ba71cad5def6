"""Three examples like the question (BM25), as messages before it: what memory alone can do."""

import math
import re
from collections import Counter


class Memory:
    def __init__(self, pairs: list[tuple[str, str]], k1: float = 1.2, b: float = 0.75):
        self.pairs, self.k1, self.b = pairs, k1, b
        self.words = [Counter(words(question)) for question, _ in pairs]
        self.mean = sum(sum(c.values()) for c in self.words) / max(len(pairs), 1)
        self.found = Counter(word for counts in self.words for word in counts)

    def nearest(self, question: str, count: int = 3) -> list[tuple[str, str]]:
        order = sorted(range(len(self.pairs)), key=lambda at: (-self.score(question, at), -at))
        return [self.pairs[at] for at in order[:count]][::-1]

    def score(self, question: str, at: int) -> float:
        counts, total = self.words[at], 0.0
        length = sum(counts.values()) / (self.mean or 1)
        for word in words(question):
            n = self.found[word]
            idf = math.log(1 + (len(self.pairs) - n + 0.5) / (n + 0.5))
            total += idf * counts[word] * (self.k1 + 1) / (counts[word] + self.k1 * (1 - self.b + self.b * length))
        return total

    def messages(self, question: str) -> list[dict]:
        said = []
        for asked, answer in self.nearest(question):
            said += [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        return said


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
