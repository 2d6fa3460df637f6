"""Which rows an epoch holds, and in which order its batches come."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

BEGINNING = 0.01  # the share of the batches, shortest first, that a curriculum begins with
RISING = 0.5  # the part of the training after which it holds them all


def balanced_rows(classes: npt.NDArray[Any], random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw as many rows as there are, equally many of each class.

    The rows of a class are drawn in turns: none occurs twice more often than another.
    Shapes:  classes (rows,) -> (rows,)
    """
    names, numbers = np.unique(classes, return_inverse=True)
    quotas = np.full(len(names), len(classes) // len(names))
    quotas[random.permutation(len(names))[: len(classes) % len(names)]] += 1
    drawn = []
    for number, quota in enumerate(quotas):
        rows = np.flatnonzero(numbers == number)
        turns = [random.permutation(rows) for _ in range(-(-quota // len(rows)))]
        drawn += [*np.concatenate([*turns, rows[:0]])[:quota]]
    return np.array(drawn, "int64")


def competence(part: float) -> float:
    """The share of the batches, from short to long, that a learner is ready for.

    part: of the training that is over
    Source: Platanios et al. 2019, eq. 8, the square root of c₀² at first and 1 from RISING on
    """
    return float(min(1.0, np.sqrt(part / RISING * (1 - BEGINNING**2) + BEGINNING**2)))


def by_competence(
    lengths: Sequence[float], epoch: int, epochs: float, random: np.random.Generator
) -> list[int]:
    """The order of an epoch's batches: each at random among those that the learner is ready for.

    lengths: of the batches; epochs: of the whole training. Each batch occurs once; where those that
    it is ready for are used up, the shortest of the others is next.
    """
    waiting = [int(i) for i in np.argsort(lengths, kind="stable")][::-1]
    ready: list[int] = []
    order: list[int] = []
    for step in range(len(lengths)):
        limit = np.ceil(len(lengths) * competence((epoch + step / len(lengths)) / epochs))
        while waiting and (not ready or len(order) + len(ready) < limit):
            ready.append(waiting.pop())
        place = int(random.integers(len(ready)))
        ready[place], ready[-1] = ready[-1], ready[place]
        order.append(ready.pop())
    return order
