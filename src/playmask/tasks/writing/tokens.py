"""What tasks share whose answers are tokens: the network, its loss, how it is measured."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from keras import ops

from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.runtime.compiled import Compiled
from playmask.tasks.saving import load_reader
from playmask.tasks.task import Task, TaskNetwork

MEASURED = 32  # examples whose loss is computed at a time


class TokenNetwork(TaskNetwork):
    """A Transformer, of which the logits of tokens are wanted; it has no weights of its own.

    Shapes: inputs as a Transformer's -> {"logits": (B, R, vocabulary)}
    """

    def __init__(self, transformer: Transformer) -> None:
        super().__init__(transformer)
        self.build(None)

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the tokens."""
        return {"logits": self.transformer(inputs, training=training)["logits"]}


class TokenTask(Task):
    """A task that answers with tokens: `ask` gives each of them a target and a weight."""

    changes: ClassVar[dict[str, Any]] = {}  # of a model that is loaded for the task

    @classmethod
    def open(cls, path: str | Path, **options: Any) -> Transformer:
        """Load a pretrained model as the task needs it; options as of `playmask.load`."""
        return load_reader(path, **{"heads": "mlm", **cls.changes, **options})

    @cached_property
    def _sums(self) -> Compiled:
        """Nats, weights and right answers of a batch, added up: -> (3,)."""

        def sums(inputs: Any, wanted: Any, weights: Any) -> Any:
            logits = self.network(inputs, training=False)["logits"]
            logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
            told = ops.take_along_axis(logs, ops.expand_dims(wanted, -1), axis=-1)[..., 0]
            right = ops.cast(ops.argmax(logs, axis=-1) == wanted, "float32")
            return ops.stack([ops.sum(x * weights) for x in (-told, ops.ones_like(told), right)])

        return Compiled(self.network, sums)

    def score(self, outputs: dict[str, Tensor], *told: Tensor) -> Tensor:
        """The log-probability of an answer's tokens, each after those before it, in nats: (B,)."""
        (wanted,) = told
        logs = ops.log_softmax(ops.cast(outputs["logits"], "float32"), axis=-1)
        wanted = ops.broadcast_to(wanted[None, :, None], (*logs.shape[:2], 1))
        return ops.sum(ops.take_along_axis(logs, wanted, axis=-1), axis=(1, 2))

    def measure(self, examples: Sequence[Any]) -> tuple[float, float]:
        """Loss (nats per token) and accuracy over all tokens that are asked for."""
        batches = self._batches(examples, MEASURED, shuffle=False)
        parts = [self._sums(*batches[i]) for i in range(len(batches))]
        total = np.sum([ops.convert_to_numpy(part) for part in parts], axis=0, dtype="float64")
        nats, wanted, right = map(float, total)
        return nats / max(wanted, 1.0), right / max(wanted, 1.0)


def following(values: np.ndarray) -> np.ndarray:
    """What stands one place later; 0 at the end: (B, T) -> (B, T)."""
    return np.pad(values[:, 1:], ((0, 0), (0, 1)))


def chosen(wanted: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` places of each row that are wanted, and 1 where there are so many.

    Shapes: bool (B, T) -> int32 (B, count), float32 (B, count)
    """
    places = np.argsort(~wanted, axis=1, kind="stable")[:, :count]
    return places.astype("int32"), np.take_along_axis(wanted, places, 1).astype("float32")
