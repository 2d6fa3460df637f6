"""How many answers two models have in common."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
MOST = 2000  # answers whose order is compared


def agreement(one: Sequence[Any], other: Sequence[Any]) -> float:
    """The share of answers that two models agree in, 0 to 1.

    Answers are JSON. Decimals beside labels, texts or places say how sure a model is, and are not
    compared. Where answers are nothing but decimals, as scores of similarity are, their order
    counts: it is the share of pairs of examples that both models order alike, among up to 2,000
    examples evenly taken.

    Example:
        >>> first = [{"label": "a", "p": 0.9}, {"label": "b", "p": 0.6}]
        >>> agreement(first, [{"label": "a", "p": 0.8}, {"label": "a", "p": 0.7}])
        0.5

    """
    if any(_decided(each) not in EMPTY for each in (*one, *other)):
        same = [_decided(a) == _decided(b) for a, b in zip(one, other, strict=True)]
        return float(np.mean(same))
    every = max(1, math.ceil(len(one) / MOST))
    a, b = (np.array([[*_decimals(each)] for each in answers[::every]]) for answers in (one, other))
    return float(np.mean([_concordance(*both) for both in zip(a.T, b.T, strict=True)]))


def _concordance(a: Array, b: Array) -> float:
    """The share of pairs of numbers that both lists order alike: 1 where there is no pair."""
    i, j = np.triu_indices(len(a), 1)
    same = np.sign(a[i] - a[j]) == np.sign(b[i] - b[j])
    return float(same.mean()) if len(same) else 1.0


EMPTY: tuple[Any, ...] = ({}, [], None)


def _decided(answer: Any) -> Any:
    """An answer without its decimals, and without what then is empty."""
    if isinstance(answer, dict):
        items = ((name, _decided(value)) for name, value in answer.items())
        return {name: value for name, value in items if value not in EMPTY}
    if isinstance(answer, (list, tuple)):
        decided = ((value, _decided(value)) for value in answer)
        return [one for value, one in decided if one not in EMPTY or value is None]
    return None if isinstance(answer, float) else answer


def _decimals(answer: Any) -> Iterator[float]:
    """The decimals of an answer, in their order."""
    if isinstance(answer, dict):
        answer = [*answer.values()]
    if isinstance(answer, (list, tuple)):
        for value in answer:
            yield from _decimals(value)
    elif isinstance(answer, float):
        yield answer
