"""Products of test parameters: which of their rows CI runs; `make test-all` runs all of them.

A fault of two things together shows wherever the two meet. So of a product of many axes CI runs
rows enough that every two members of different axes meet in one. The backend is an axis too: where
JAX has all pairs, every member meets the other backends when each occurs there once.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import combinations, product
from typing import Any

import keras
import pytest

Row = tuple[Any, ...]
Needs = Callable[[Row], Iterable[Hashable]]


def singles(row: Row) -> list[Hashable]:
    """Each member of a row, with its axis."""
    return list(enumerate(row))


def pairs(row: Row) -> list[Hashable]:
    """Each two members of a row, with their axes."""
    return list(combinations(enumerate(row), 2))


def covering(rows: Sequence[Row], needs: Needs = pairs) -> list[Row]:
    """Greedily chosen rows that have all that any row has, of what `needs` says of one.

    Always the same for the same rows: the first of those that add most.
    """
    has = {row: frozenset(needs(row)) for row in rows}
    missing, chosen = set().union(*has.values()), []
    while missing:
        best = max(rows, key=lambda row: len(has[row] & missing))
        chosen.append(best)
        missing -= has[best]
    return chosen


def marked(rows: Sequence[Row], chosen: Iterable[Row], *marks: Any) -> list[Any]:
    """Rows as parameters, those that were not chosen left to `make test-all`."""
    runs = set(chosen)
    rest = (*marks, pytest.mark.whole)
    return [pytest.param(*row, marks=marks if row in runs else rest) for row in rows]


def crossed(*axes: Iterable[Any], marks: Sequence[Any] = ()) -> list[Any]:
    """A product as parameters: by pairs on JAX, each member once on other backends."""
    rows = list(product(*axes))
    needs = pairs if keras.backend.backend() == "jax" else singles
    return marked(rows, covering(rows, needs), *marks)
