"""How many answers two models have in common."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

NEAR = 0.02
"""How far apart numbers may be that agree, in parts of the range of the first model's."""


def agreement(one: Sequence[Any], other: Sequence[Any]) -> float:
    """The share of answers that two models agree in, 0 to 1.

    Answers are JSON. Decimals beside labels, texts or places say how sure a model is, and are not
    compared; where answers are nothing but decimals, these agree if they are within `NEAR`.

    Example:
        >>> first = [{"label": "a", "p": 0.9}, {"label": "b", "p": 0.6}]
        >>> agreement(first, [{"label": "a", "p": 0.8}, {"label": "a", "p": 0.7}])
        0.5

    """
    if any(_decided(each) not in EMPTY for each in (*one, *other)):
        same = [_decided(a) == _decided(b) for a, b in zip(one, other, strict=True)]
        return float(np.mean(same))
    a, b = (np.array([[*_decimals(each)] for each in answers]) for answers in (one, other))
    return float(np.mean(np.abs(a - b).max(axis=-1) <= NEAR * np.ptp(a)))


EMPTY: tuple[Any, ...] = ({}, [], None)


def _decided(answer: Any) -> Any:
    """An answer without its decimals, and without what then is empty."""
    if isinstance(answer, dict):
        items = ((name, _decided(value)) for name, value in answer.items())
        return {name: value for name, value in items if value not in EMPTY}
    if isinstance(answer, (list, tuple)):
        return [_decided(value) for value in answer]
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
