"""What a model without a fault says: what it was taught, fed back as its best candidates."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np


def taught(task: Any, example: Any) -> list[list[tuple[int, ...]]]:
    """What each window of an example teaches."""
    return [
        [tuple(int(value) for value in row) for row in rows if row[0] >= 0]
        for rows in task.encode_examples([example]).targets
    ]


def candidates(found: Iterable[Sequence[int]], name: str = "") -> dict[str, np.ndarray]:
    """Stretches of (label, first, last) with scores above 0, and one below."""
    every = np.array([*sorted({*found}), (0, 1, 1)])
    score = np.full(len(every), 4.0)
    score[-1] = -4.0
    columns = dict(zip(("label", "first", "last"), every.T, strict=True))
    return {f"{name}{column}": each for column, each in ({"score": score} | columns).items()}


def answered(
    task: Any, example: Any, say: Callable[[list[tuple[int, ...]]], dict[str, np.ndarray]]
) -> list[Any]:
    """What a task finds in an example's text where each window says what it teaches."""
    outputs = [say(rows) for rows in taught(task, example)]
    return [found for _, found in task.method.extract(task.windows([example.text]), outputs)]


def shown_whole(task: Any, text: str, places: Iterable[Sequence[int]]) -> bool:
    """Whether a window of a text shows all of some places."""
    return any(all(window.whole(*each) for each in places) for window in task.windows([text]))
