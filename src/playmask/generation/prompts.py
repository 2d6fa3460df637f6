"""Prompts: checked rows of ids, and what else a call has for each of them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from playmask.errors import InputError
from playmask.generation.facts import ModelFacts

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # of batches, in prompts
Rows = Sequence[Sequence[int]]


def taken(
    inputs: dict[str, Any], batch: Sequence[int], count: int | None = None
) -> dict[str, np.ndarray]:
    """Some rows of the inputs that are there; count: of how many prompts (None = of these)."""
    count = len(batch) if count is None else count
    there = {
        name: np.asarray(value, "float32") for name, value in inputs.items() if value is not None
    }
    for name, value in there.items():
        if len(value) != count:
            raise InputError(f"{name} has {len(value)} rows for {count} prompts.")
    return {name: value[list(batch)] for name, value in there.items()}


class Prompts(NamedTuple):
    """Rows of ids, what they begin with in a decoder, their segments and seeds."""

    tokens: list[list[int]]
    segments: list[list[int]] | None
    start: list[int]
    seeds: list[int]

    @classmethod
    def of(
        cls,
        facts: ModelFacts,
        tokens: Rows,
        *,
        segments: Rows | None,
        start: int | Sequence[int] | None,
        seed: int | Sequence[int],
    ) -> "Prompts":
        """Check rows against a model."""
        rows = [checked_row(i, row, facts.vocabulary, "token") for i, row in enumerate(tokens)]
        marks = None
        if segments is not None:
            marks = [
                checked_row(i, row, facts.segments, "segment") for i, row in enumerate(segments)
            ]
            if [*map(len, marks)] != [*map(len, rows)]:
                raise InputError("Each prompt needs as many segments as tokens.")
        if start is not None and not facts.decodes:
            raise InputError("start is for a decoder's text; here the text begins with the prompt.")
        begin = several(facts.start if start is None else start)
        checked_row(0, begin, facts.vocabulary, "start token")
        seeds = several(seed)
        if np.ndim(seed) == 0:
            seeds = [seeds[0] + i for i in range(len(rows))]
        if len(seeds) != len(rows):
            raise InputError(f"{len(seeds)} seeds were given for {len(rows)} prompts.")
        return cls(rows, marks, begin, seeds)

    def take(self, batch: Sequence[int]) -> "Prompts":
        """Some of them."""
        marks = None if self.segments is None else [self.segments[i] for i in batch]
        rows = [self.tokens[i] for i in batch]
        return self._replace(tokens=rows, segments=marks, seeds=[self.seeds[i] for i in batch])

    def batches(self, size: int) -> Iterator[list[int]]:
        """Numbers of rows of similar length, so many at a time."""
        if type(size) is not int or size < 1:
            raise InputError(f"batch_size is a whole number from 1, not {size!r}.")
        size = min(size, SIZES[-1])
        # The longest first, so that one that is too long is refused before anything runs.
        order = sorted(range(len(self.tokens)), key=lambda i: -len(self.tokens[i]))
        for first in range(0, len(order), size):
            yield order[first : first + size]


def checked_row(i: int, row: Any, below: int, what: str) -> list[int]:
    """A row of ids as a list, each from 0 and below a bound."""
    values = np.asarray(row)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iu":
        raise InputError(f"Row {i} of {what}s is {row!r:.60}; it must be a row of whole numbers.")
    if values.min() < 0 or values.max() >= below:
        wrong = values.min() if values.min() < 0 else values.max()
        raise InputError(f"Row {i} holds the {what} {wrong}; the model takes 0 to {below - 1}.")
    return [int(value) for value in values]


def several(numbers: int | Sequence[int]) -> list[int]:
    """One number or several, as a list of them."""
    return [int(n) for n in np.atleast_1d(np.asarray(numbers))]
