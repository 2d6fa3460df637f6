"""How far two outputs of a task are apart: Kullback-Leibler divergences, each as its loss counts.

A loss of playmask's names its own, `divergence`; for Keras' losses there is a table.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
from keras import ops

from playmask.model.masks import Tensor


class Divergence(NamedTuple):
    """How two outputs diverge, and what an output stands for.

    kl: scores p and q, and which tokens are no padding, bool (B, T) -> KL(p ‖ q) of each text (B,),
    or of each token (B, R) where tokens are what has weights; distribution: of scores, the
    probabilities that they stand for; logits: whether scores are logits, which may be softened
    Units: nats; of numbers their squared difference
    """

    kl: Callable[[Tensor, Tensor, Tensor], Tensor]
    distribution: Callable[[Tensor], Tensor]
    logits: bool = True

    def softened(self, p: Tensor, q: Tensor, valid: Tensor, temperature: float) -> Tensor:
        """T² · KL of logits that are divided by a temperature; of what are no logits, the KL.

        Source: Hinton et al. 2015, §2.1 (with T², so that the gradient's size does not depend on T)
        """
        if not self.logits or temperature == 1:
            return self.kl(p, q, valid)
        return temperature**2 * self.kl(p / temperature, q / temperature, valid)


def softmax_kl(p: Tensor, q: Tensor, valid: Tensor | None = None) -> Tensor:
    """KL(p ‖ q) of softmax distributions over the last axis: logits (…, K) -> (…), nats.

    Example:
        >>> p, q = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
        >>> from playmask.labelling.divergences import softmax_kl
        >>> print(round(float(softmax_kl(p, q)[0]), 4))  # ½ ln 2 + ½ ln ⅔
        0.1438

    """
    logs, others = (ops.log_softmax(ops.cast(x, "float32"), axis=-1) for x in (p, q))
    return ops.sum(ops.exp(logs) * (logs - others), axis=-1)


def bernoulli_kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(p ‖ q) of independent yes-or-no variables, each by its logit, nats.

    With the same the other way round it is (σ(p) - σ(q)) · (p - q), as Su has it.
    """
    p, q = ops.convert_to_tensor(p), ops.convert_to_tensor(q)
    return ops.sigmoid(p) * (p - q) - ops.softplus(p) + ops.softplus(q)


def mean_over_valid(nats: Tensor, valid: Tensor) -> Tensor:
    """The mean over a text's tokens of what each has, (B, T) -> (B,)."""
    there = ops.cast(valid, nats.dtype)
    return ops.sum(nats * there, axis=1) / ops.maximum(ops.sum(there, axis=1), 1.0)


def _of_all(nats: Tensor) -> Tensor:
    """The sum over all that a text has: (B, …) -> (B,)."""
    return ops.sum(nats, axis=tuple(range(1, len(nats.shape))))


def _probabilities(scores: Tensor) -> Tensor:
    return ops.softmax(ops.cast(scores, "float32"), axis=-1)


def _as_it_is(scores: Tensor) -> Tensor:
    return scores


SOFTMAX = Divergence(softmax_kl, _probabilities)
"""Of one choice among all that the last axis has."""

LABELS = Divergence(lambda p, q, valid: _of_all(bernoulli_kl(p, q)), ops.sigmoid)
"""Of many labels or spans, the sum over them, as multi-label cross-entropies count."""

MEAN_LABELS = Divergence(lambda p, q, valid: ops.mean(bernoulli_kl(p, q), axis=-1), ops.sigmoid)
"""Of many labels, the mean over them, as binary cross-entropy counts."""

NUMBERS = Divergence(lambda p, q, valid: ops.mean(ops.square(p - q), axis=-1), _as_it_is, False)
"""Of numbers, the mean of squared differences."""

ENDS = Divergence(
    lambda p, q, valid: mean_over_valid(ops.mean(bernoulli_kl(p, q), axis=-1), valid), ops.sigmoid
)
"""Of tokens being ends of spans, logits (B, T, 2), the mean over both and over tokens."""

OF_KERAS: Mapping[type[keras.losses.Loss], Divergence] = {
    keras.losses.SparseCategoricalCrossentropy: SOFTMAX,
    keras.losses.CategoricalCrossentropy: SOFTMAX,
    keras.losses.BinaryCrossentropy: MEAN_LABELS,
    keras.losses.MeanSquaredError: NUMBERS,
    keras.losses.MeanAbsoluteError: NUMBERS,
    keras.losses.Huber: NUMBERS,
}
"""What diverges as a loss of Keras, of logits or of numbers, compares."""


def divergence_of(loss: Any) -> Divergence | None:
    """How two outputs diverge that a loss is learnt by; None where nothing says it."""
    known = (OF_KERAS[kind] for kind in type(loss).__mro__ if kind in OF_KERAS)
    named: Divergence | None = getattr(loss, "divergence", None)
    return named or next(known, None)
