"""What tasks share whose answers are tokens: the network, its loss, how it is measured."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Generic

import numpy as np
import numpy.typing as npt
from keras import ops

from playmask.errors import NotFiniteError
from playmask.generation.search import NOT_FINITE
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.onnx.signature import Inputs, by_place
from playmask.runtime.compiled import Compiled
from playmask.tasks.network import TaskNetwork
from playmask.tasks.objective import Objective, accuracy, crossentropy
from playmask.tasks.task import S, Task

MEASURED = 32  # examples whose loss is computed at a time
Array = npt.NDArray[Any]


def perplexity(loss: float) -> float:
    """The exponential of a loss in nats per token.

    Raises: NotFiniteError where no float holds it
    """
    try:
        return math.exp(loss)
    except OverflowError:
        raise NotFiniteError(f"The loss is {loss:.0f} nats a token; no model learns so.") from None


class TokenNetwork(TaskNetwork):
    """A Transformer, of which the logits of tokens are taken; it has no weights of its own.

    Shapes: inputs as a Transformer's -> {"logits": (B, R, vocabulary)}
    """

    further_inputs: ClassVar[Inputs] = {"read": by_place("read")}

    def __init__(self, transformer: Transformer) -> None:
        super().__init__(transformer)
        a = transformer.architecture
        self.generates = a.decoder is not None or a.order != "full"
        self.build(None)

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the tokens."""
        return {"logits": self.transformer(inputs, training=training)["logits"]}


class TokenTask(Task[S], Generic[S]):
    """A task that answers with tokens: `prepare` gives each of them a target and a weight."""

    scores_answers: ClassVar[bool] = False

    @property
    def objective(self) -> Objective:
        """Nats a token, and the accuracy of tokens."""
        return token_objective()

    @cached_property
    def _sums(self) -> Compiled:
        """Nats, weights and right answers of a batch, added up: -> (3,)."""

        def sums(inputs: Any, targets: Any, weights: Any) -> Any:
            logits = self.network(inputs, training=False)["logits"]
            logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
            each = ops.take_along_axis(logs, ops.expand_dims(targets, -1), axis=-1)[..., 0]
            right = ops.cast(ops.argmax(logs, axis=-1) == targets, "float32")
            return ops.stack([ops.sum(x * weights) for x in (-each, ops.ones_like(each), right)])

        return Compiled(self.network, sums)

    def token_scores(self, examples: Sequence[Any]) -> tuple[float, float]:
        """Loss (nats per token) and accuracy over all tokens that have a weight."""
        batches = self.batches(examples, MEASURED, shuffle=False)
        parts = [self._sums(*batches[i]) for i in range(len(batches))]
        total = np.sum([ops.convert_to_numpy(part) for part in parts], axis=0, dtype="float64")
        if not np.isfinite(total).all():
            raise NotFiniteError(NOT_FINITE)
        nats, count, right = map(float, total)
        return nats / max(count, 1.0), right / max(count, 1.0)

    def evaluate(
        self, data: Any, *, metric: str | None = None, skip_bad: bool = False, **options: Any
    ) -> dict[str, float]:
        """Measure the next tokens of labelled examples; options: of `evaluate_examples`."""
        if metric is not None:
            self.metric(metric)
        examples = self.read_references(data, skip_bad=skip_bad)
        return {**self.evaluate_examples(examples, **options), "examples": len(examples)}

    def evaluate_examples(self, examples: Sequence[Any]) -> dict[str, float]:
        """Loss (nats per token) and accuracy, of tokens that `prepare` draws the same each time."""
        loss, accuracy = self.token_scores(examples)
        return {"loss": loss, "accuracy": accuracy}

    def score(self, outputs: dict[str, Tensor], *targets: Tensor) -> Tensor:
        """The log-probability of an answer's tokens, each after those before it, in nats: (B,)."""
        return log_probability(outputs["logits"], *targets)


def token_objective() -> Objective:
    """Cross-entropy in nats a token, and the accuracy of tokens."""
    metrics = {"logits": [accuracy()]}
    return Objective({"logits": crossentropy()}, metrics=metrics, targets="tokens")


def log_probability(logits: Tensor, tokens: Tensor) -> Tensor:
    """The log-probability of tokens (R,), each at its own logits (B, R, vocabulary): (B,)."""
    logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    tokens = ops.broadcast_to(tokens[None, :, None], (*logs.shape[:2], 1))
    return ops.sum(ops.take_along_axis(logs, tokens, axis=-1), axis=(1, 2))


def following(values: Array) -> Array:
    """What stands one place later; 0 at the end: (B, T) -> (B, T)."""
    return np.pad(values[:, 1:], ((0, 0), (0, 1)))


def chosen(targets: Array, count: int) -> tuple[Array, Array]:
    """The first `count` places of each row that are targets, and 1 where there are so many.

    Shapes: bool (B, T) -> int32 (B, count), float32 (B, count)
    """
    places = np.argsort(~targets, axis=1, kind="stable")[:, :count]
    return places.astype("int32"), np.take_along_axis(targets, places, 1).astype("float32")
