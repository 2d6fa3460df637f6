"""How well similarities agree with scores, and how well they find what belongs together."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from playmask.metrics.ranking import RankedGains, Ranking, ranking

BLOCK = 1024  # queries compared at once


class Correlation(NamedTuple):
    """Of ranks (Spearman) and of values (Pearson), -1 to 1; 0 where all values are equal."""

    spearman: float
    pearson: float


def correlation(predictions: Sequence[float], targets: Sequence[float]) -> Correlation:
    """Compare similarities with scores; equal values share the mean of their ranks."""
    from scipy.stats import rankdata

    return Correlation(
        _pearson(rankdata(predictions), rankdata(targets)), _pearson(predictions, targets)
    )


def _pearson(one: Sequence[float], other: Sequence[float]) -> float:
    a, b = (np.asarray(values, "float64") - np.mean(values) for values in (one, other))
    size = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / size if size else 0.0


def retrieval(
    queries: np.ndarray, answers: np.ndarray, right: Sequence[int | Collection[int]]
) -> Ranking:
    """Look for the right answers to each query among all; what is as similar stands before them.

    Shapes: unit vectors (N, D), (M, D); right (N,), the numbers of the answers, one or several each
    """
    return ranking(_ranked(queries, answers, right))


def _ranked(
    queries: np.ndarray, answers: np.ndarray, right: Sequence[int | Collection[int]]
) -> Iterator[RankedGains]:
    """The ranks of each query's right answers."""
    for start in range(0, len(queries), BLOCK):
        likeness = queries[start : start + BLOCK] @ answers.T
        for values, those in zip(likeness, right[start : start + BLOCK], strict=True):
            numbers = [those] if isinstance(those, int | np.integer) else [*those]
            own = np.sort(values[numbers])[::-1]
            level = (values[None] >= own[:, None]).sum(1) - (own[None] >= own[:, None]).sum(1)
            yield RankedGains(level + np.arange(1.0, len(own) + 1), np.ones(len(own)))
