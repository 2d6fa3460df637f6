"""Precision, recall and F1 of sets of predictions against sets of targets."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import NamedTuple


class Scores(NamedTuple):
    """Shares from 0 to 1; a share of nothing is 0."""

    precision: float
    recall: float
    f1: float


class Support(NamedTuple):
    """Precision, recall and F1 of one class, and its support: the number of its targets."""

    precision: float
    recall: float
    f1: float
    support: int


def scores_of(right: float, predicted: float, expected: float) -> Scores:
    """Precision, recall and F1 from the numbers of right, of all predicted, of all target items."""
    return Scores(
        right / predicted if predicted else 0.0,
        right / expected if expected else 0.0,
        2 * right / (predicted + expected) if predicted + expected else 0.0,
    )


def support_of(right: int, predicted: int, expected: int) -> Support:
    """Scores of one class from its three counts."""
    return Support(*scores_of(right, predicted, expected), expected)


def set_scores(
    predictions: Sequence[Collection[Hashable]], targets: Sequence[Collection[Hashable]]
) -> Scores:
    """Micro-averaged scores of sets: items count over all texts, and match exactly or not."""
    pairs = [(set(one), set(other)) for one, other in zip(predictions, targets, strict=True)]
    return scores_of(
        sum(len(one & other) for one, other in pairs),
        sum(len(one) for one, _ in pairs),
        sum(len(other) for _, other in pairs),
    )


def label_scores(
    predictions: Sequence[Collection[tuple[Hashable, ...]]],
    targets: Sequence[Collection[tuple[Hashable, ...]]],
    labels: Sequence[str] | None = None,
) -> dict[str, Support]:
    """Scores of each label, of sets whose items are (label, …) and match exactly or not.

    labels: the order, those without items too (default: all that occur, sorted)
    """
    pairs = [(set(one), set(other)) for one, other in zip(predictions, targets, strict=True)]
    right = _by_label(item for one, other in pairs for item in one & other)
    predicted = _by_label(item for one, _ in pairs for item in one)
    expected = _by_label(item for _, other in pairs for item in other)
    names = sorted({*predicted, *expected}) if labels is None else labels
    return {name: support_of(right[name], predicted[name], expected[name]) for name in names}


def _by_label(items: Iterable[tuple[Hashable, ...]]) -> Counter[str]:
    return Counter(str(label) for label, *_ in items)
