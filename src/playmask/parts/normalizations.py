"""How scores become weights: functions of (scores, allowed), by name."""

import math

from keras import ops

from playmask.masks import Tensor

HIDDEN = -1e9  # the score of a key that may not be seen: finite, so that no row becomes NaN


def softmax(scores: Tensor, allowed: Tensor) -> Tensor:
    """Exponentials that sum to 1 (Vaswani et al. 2017)."""
    if scores.shape[-1] == allowed.shape[-1] == 1:
        return ops.ones_like(scores)  # Keras would warn that one number is always 1
    return ops.softmax(ops.where(allowed, scores, HIDDEN))


def softmax_plus(scores: Tensor, allowed: Tensor) -> Tensor:
    """A softmax that stays as sharp for long texts: scores times log n / log 512.

    n: the keys that the query sees, 16 at least. Source: Su 2022 (kexue 9019); GAU-α
    """
    seen = ops.maximum(_count(allowed), 16.0)
    return softmax(scores * (ops.log(seen) / math.log(512)), allowed)


def squared_relu(scores: Tensor, allowed: Tensor) -> Tensor:
    """Squares of the positive scores over the number of keys seen (Hua et al. 2022, eq. 5)."""
    positive = ops.square(ops.relu(ops.where(allowed, scores, 0.0)))
    return positive / ops.maximum(_count(allowed), 1.0)


def none(scores: Tensor, allowed: Tensor) -> Tensor:
    """The scores themselves, and 0 for what may not be seen (MLP-Mixer; kexue 8431)."""
    return ops.where(allowed, scores, 0.0)


def _count(allowed: Tensor) -> Tensor:
    """How many keys each query sees: float32 (B, 1, T, 1)."""
    return ops.sum(ops.cast(allowed, "float32"), axis=-1, keepdims=True)


NORMALIZATIONS = {
    "softmax": softmax,
    "softmax_plus": softmax_plus,
    "squared_relu": squared_relu,
    "none": none,
}
"""scores float32 (B, N, T, S), allowed bool (B, 1, T, S) -> weights (B, N, T, S)."""
