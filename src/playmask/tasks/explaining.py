"""What an explanation asks of a task: a text as it reads it, and the answer that is explained."""

from collections.abc import Sequence
from typing import Any, Protocol

import keras
import numpy as np

from playmask.errors import ConfigError, InputError, nearest
from playmask.model.masks import Tensor
from playmask.runtime.compiled import Compiled
from playmask.runtime.gradients import value_and_gradient
from playmask.runtime.padding import Row
from playmask.runtime.predictor import Predictor
from playmask.tasks.question import Question
from playmask.tokenizers import Tokenizer


class Explained(Protocol):
    """A task whose answers are explained."""

    network: keras.Model
    tokenizer: Tokenizer
    settings: Any
    predictor: Predictor

    @property
    def name(self) -> str:
        """The task's name."""

    def row(self, text: Any) -> Row:
        """The network's inputs for one text, or pair."""

    def scores(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """How strongly outputs speak for each answer: (B,) each."""

    def score(self, outputs: dict[str, Tensor], *targets: Tensor) -> Tensor:
        """How strongly outputs speak for the answer of a question: (B,)."""


def slopes_of(task: Explained) -> Compiled:
    """The score of an answer and its gradient, for vectors in place of tokens.

    Shapes: vectors (B, T, E); inputs, dict of (B, …); targets, of a Question -> (B,), (B, T, E)
    """

    def score(vectors: Tensor, inputs: dict[str, Tensor], *targets: Tensor) -> Tensor:
        outputs = task.network({**inputs, "vectors": vectors}, training=False)
        return task.score(outputs, *targets)

    return value_and_gradient(task.network, score)


def score_of(scores: dict[str, Tensor], number: Tensor) -> Tensor:
    """The score of an answer by its number: (B,)."""
    return keras.ops.take(keras.ops.stack([*scores.values()], 1), number, axis=1)


def among_few(task: Explained, texts: Sequence[str], answer: str | None) -> Question:
    """Of a task whose `scores` name all its answers; without one, the highest is explained.

    Raises: ConfigError if it has no such answer, or reads other tokens than those of the text
    """
    encoding = task.tokenizer.encode(*texts, max_length=task.settings.row_length)
    if max(encoding.sources, default=-1) < 0:
        raise InputError("The text has no tokens; there is nothing to explain.")
    row = task.row(texts[0] if len(texts) == 1 else tuple(texts))
    if list(row["tokens"]) != encoding.ids:
        raise ConfigError(
            f"A task {task.name!r} reads other tokens than those of the text, which "
            "have no places in it; it cannot be explained."
        )
    [outputs] = task.predictor([row])
    tensors = {name: keras.ops.convert_to_tensor(value[None]) for name, value in outputs.items()}
    scores = {
        name: float(keras.ops.convert_to_numpy(score)[0])
        for name, score in task.scores(tensors).items()
    }
    if answer is None:
        answer = max(scores, key=lambda name: scores[name])
    if answer not in scores:
        raise ConfigError(f"The task has no answer {answer!r}.{nearest(str(answer), scores)}")
    whole = task.tokenizer.encode(*texts)
    read = [
        len(text)
        if whole.sources.count(source) == encoding.sources.count(source)
        else _end(encoding, source)
        for source, text in enumerate(texts)
    ]
    number = np.int32(list(scores).index(answer))
    return Question(
        row, encoding.offsets, encoding.sources, read, answer, (number,), alternatives=scores
    )


def _end(encoding: Any, source: int) -> int:
    both = zip(encoding.offsets, encoding.sources, strict=True)
    return max((span[1] for span, of in both if of == source), default=0)
