"""What an explanation asks of a task: a text as it reads it, and the answer that is explained."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from playmask.errors import InputError
from playmask.runtime.padding import Row

Unit = Literal["log-odds", "log-probability", "number"]
"""What a score is, in nats where it says how likely an answer is."""


class Question(NamedTuple):
    """A text's inputs, what its tokens stand for, and which answer is explained.

    row: lists of T; offsets, sources: of the tokens, as of an Encoding; read: how many characters
    of each text the task reads; targets: arrays that `Task.score` takes besides the outputs;
    also: inputs that have no entry for each token, (1, …); unit: of the score; alternatives: the
    scores of all answers that the task chooses among
    """

    row: Row
    offsets: Sequence[tuple[int, int]]
    sources: Sequence[int]
    read: Sequence[int]
    answer: str
    targets: tuple[Any, ...]
    also: dict[str, np.ndarray] = {}  # noqa: RUF012
    unit: Unit = "log-odds"
    alternatives: dict[str, float] = {}  # noqa: RUF012


def one_text(texts: Sequence[str], task: str) -> str:
    """The text, of a task that takes one at a time."""
    if len(texts) != 1:
        raise InputError(f"A task {task!r} reads one text, not a pair.")
    if not texts[0].strip():
        raise InputError("The text has no tokens; there is nothing to explain.")
    return texts[0]
