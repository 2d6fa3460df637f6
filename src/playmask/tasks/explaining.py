"""What an explanation asks of a task: a text as it reads it, and the answer that is explained."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np

from playmask.errors import ConfigError, InputError, nearest
from playmask.model.masks import Tensor
from playmask.runtime.batches import Row
from playmask.runtime.compiled import Compiled
from playmask.runtime.gradients import value_and_gradient
from playmask.runtime.predictor import Predictor
from playmask.tokenizers import Tokenizer


class Question(NamedTuple):
    """A text's inputs, what its tokens stand for, and which answer is explained.

    row: lists of T; offsets, sources: of the tokens, as of an Encoding; read: how many characters
    of each text the task reads; targets: arrays that `Task.score` takes besides the outputs;
    also: inputs that have no entry for each token, (1, …)
    """

    row: Row
    offsets: Sequence[tuple[int, int]]
    sources: Sequence[int]
    read: Sequence[int]
    answer: str
    targets: tuple[Any, ...]
    also: dict[str, np.ndarray] = {}  # noqa: RUF012


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
    return Question(row, encoding.offsets, encoding.sources, read, answer, (number,))


def _end(encoding: Any, source: int) -> int:
    both = zip(encoding.offsets, encoding.sources, strict=True)
    return max((span[1] for span, of in both if of == source), default=0)


def one_text(texts: Sequence[str], task: str) -> str:
    """The text, of a task that takes one at a time."""
    if len(texts) != 1:
        raise InputError(f"A task {task!r} reads one text, not a pair.")
    if not texts[0].strip():
        raise InputError("The text has no tokens; there is nothing to explain.")
    return texts[0]
