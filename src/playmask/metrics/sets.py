"""Precision, recall and F1 of sets: what was found against what should have been."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple


class Scores(NamedTuple):
    """Shares from 0 to 1; a share of nothing is 0."""

    precision: float
    recall: float
    f1: float


def scores_of(right: float, found: float, wanted: float) -> Scores:
    """Right ones among those found, and among those wanted."""
    return Scores(
        right / found if found else 0.0,
        right / wanted if wanted else 0.0,
        2 * right / (found + wanted) if found + wanted else 0.0,
    )


def set_scores(found: Sequence[Collection[Any]], wanted: Sequence[Collection[Any]]) -> Scores:
    """Count over all texts which items of one set are, just so, in the other (micro averages)."""
    pairs = [(set(one), set(other)) for one, other in zip(found, wanted, strict=True)]
    return scores_of(
        sum(len(one & other) for one, other in pairs),
        sum(len(one) for one, _ in pairs),
        sum(len(other) for _, other in pairs),
    )
