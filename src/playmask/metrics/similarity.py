"""How well similarities agree with scores, and how well they find what belongs together."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

BLOCK = 1024  # queries compared at once


class Correlation(NamedTuple):
    """Of ranks (Spearman) and of values (Pearson), -1 to 1; 0 where all values are equal."""

    spearman: float
    pearson: float


class Retrieval(NamedTuple):
    """How often the right one is the most similar, and the mean of 1 / its rank."""

    accuracy: float
    mrr: float


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


def retrieval(queries: np.ndarray, answers: np.ndarray, right: Sequence[int]) -> Retrieval:
    """Look for the right answer to each query among all; what is just as similar stands before it.

    Shapes: unit vectors (N, D), (M, D); right (N,), the numbers of the answers
    """
    places, ranks = np.asarray(right)[:, None], []
    for start in range(0, len(queries), BLOCK):
        likeness = queries[start : start + BLOCK] @ answers.T
        least = np.take_along_axis(likeness, places[start : start + BLOCK], axis=1)
        ranks.append((likeness >= least).sum(axis=1))
    rank = np.concatenate(ranks)
    return Retrieval(float(np.mean(rank == 1)), float(np.mean(1 / rank)))
