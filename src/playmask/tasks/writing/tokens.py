"""What tasks share whose answers are tokens: the network, its loss, how it is measured."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic

import numpy as np
import numpy.typing as npt

from playmask.errors import NotFiniteError
from playmask.runtime.padding import Batch
from playmask.tasks.task import S, Task
from playmask.tasks.writing.replacement import Written

if TYPE_CHECKING:
    from playmask.model.masks import Tensor
    from playmask.runtime.compiled import Compiled
    from playmask.tasks.objective import Objective

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


class TokenTask(Task[S], Generic[S]):
    """A task that answers with tokens: `prepare` gives each of them a target and a weight."""

    scores_answers: ClassVar[bool] = False

    @property
    def objective(self) -> "Objective":
        """Nats a token, and the accuracy of tokens."""
        from playmask.tasks.writing.token_network import token_objective

        return token_objective()

    @cached_property
    def _sums(self) -> "Compiled":
        """Nats, weights and right answers of a batch, added up: -> (3,)."""
        from playmask.tasks.writing.token_network import token_sums

        return token_sums(self.network)

    def token_scores(self, examples: Sequence[Any]) -> tuple[float, float]:
        """Loss (nats per token) and accuracy over all tokens that have a weight."""
        from keras import ops

        from playmask.generation.search import NOT_FINITE

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

    def score(self, outputs: "dict[str, Tensor]", *targets: "Tensor") -> "Tensor":
        """The log-probability of an answer's tokens, each after those before it, in nats: (B,)."""
        from playmask.tasks.writing.token_network import log_probability

        return log_probability(outputs["logits"], *targets)


def following(values: Array) -> Array:
    """What stands one place later; 0 at the end: (B, T) -> (B, T)."""
    return np.pad(values[:, 1:], ((0, 0), (0, 1)))


def read_on(batch: Batch, end: int | None) -> Written:
    """The tokens that are predicted and read to predict those behind them; end: what is not."""
    places = np.pad(batch[2][:, :-1] > 0, ((0, 0), (1, 0)))
    return Written("tokens", places & (batch[0]["tokens"] != end))


def chosen(targets: Array, count: int) -> tuple[Array, Array]:
    """The first `count` places of each row that are targets, and 1 where there are so many.

    Shapes: bool (B, T) -> int32 (B, count), float32 (B, count)
    """
    places = np.argsort(~targets, axis=1, kind="stable")[:, :count]
    return places.astype("int32"), np.take_along_axis(targets, places, 1).astype("float32")
