"""Figures with bootstrap intervals."""

import random
import statistics


def interval(values: list[float], draws: int = 2000) -> tuple[float, float, float]:
    """The mean, and where 95 % of the means of resampled values are."""
    if not values:
        return float("nan"), float("nan"), float("nan")
    rng = random.Random(0)
    means = sorted(statistics.fmean(rng.choices(values, k=len(values))) for _ in range(draws))
    return statistics.fmean(values), means[draws * 25 // 1000], means[draws * 975 // 1000 - 1]


def edit_cost(answer: str, wanted: str) -> float:
    """The share of characters that the user would have to change (Levenshtein), at most 1."""
    if answer == wanted:
        return 0.0
    row = list(range(len(wanted) + 1))
    for i, a in enumerate(answer, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(wanted, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return min(1.0, row[-1] / max(len(answer), len(wanted)))


def backward_transfer(after: dict[int, dict[int, float]]) -> float:
    """The mean change of earlier weeks from right after they were learned to the end; `after[week][judged]`."""
    last = max(after)
    changes = [after[last][week] - after[week][week] for week in after if week < last and week in after[last] and week in after[week]]
    return statistics.fmean(changes) if changes else 0.0
