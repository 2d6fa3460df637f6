"""How scores become weights: functions of (scores, allowed, late), by name."""

import math
from typing import NamedTuple

from keras import ops

from playmask.model.masks import Tensor
from playmask.model.seams import is_exporting, seam

HIDDEN = -1e9  # added for a key that may not be seen: finite, so that no row becomes NaN


class Shares(NamedTuple):
    """What each key gets (B, N, T, S), and what that is divided by (B, N, T, 1); None = by 1."""

    keys: Tensor
    total: Tensor | None = None


def softmax(scores: Tensor, allowed: Tensor, late: bool = False) -> Shares:
    """Exponentials that sum to 1 (Vaswani et al. 2017), or whose sum is still to be divided by."""
    # Added, not chosen: XLA then compiles the products on both sides into one loop with this.
    scores = scores + ops.where(allowed, 0.0, HIDDEN)
    if is_exporting():
        return Shares(exponentials(scores))
    if late and scores.shape[-1]:  # of no keys none scores most
        most = ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True))
        keys = ops.exp(scores - most)
        return Shares(keys, ops.sum(keys, axis=-1, keepdims=True))
    if scores.shape[-1] == 1:
        return Shares(ops.ones_like(scores))  # Keras would warn that one number is always 1
    return Shares(exponentials(scores))


@seam
def exponentials(scores: Tensor) -> Tensor:
    """Exponentials of the last axis, over their sum."""
    return ops.softmax(scores)


def softmax_plus(scores: Tensor, allowed: Tensor, late: bool = False) -> Shares:
    """A softmax that stays as sharp for long texts: scores times log n / log 512.

    n: the keys that the query sees, 16 at least. Source: Su 2022 (kexue 9019); GAU-α
    """
    count = ops.maximum(_count(allowed), 16.0)
    return softmax(scores * (ops.log(count) / math.log(512)), allowed, late)


def squared_relu(scores: Tensor, allowed: Tensor, late: bool = False) -> Shares:
    """Squares of the positive scores over the number of keys seen (Hua et al. 2022, eq. 5)."""
    positive = ops.square(ops.relu(ops.where(allowed, scores, 0.0)))
    return Shares(positive / ops.maximum(_count(allowed), 1.0))


def none(scores: Tensor, allowed: Tensor, late: bool = False) -> Shares:
    """The scores themselves, and 0 for what may not be seen (MLP-Mixer; kexue 8431)."""
    return Shares(ops.where(allowed, scores, 0.0))


def _count(allowed: Tensor) -> Tensor:
    """How many keys each query sees: float32 (B, 1, T, 1)."""
    return ops.sum(ops.cast(allowed, "float32"), axis=-1, keepdims=True)


NORMALIZATIONS = {
    "softmax": softmax,
    "softmax_plus": softmax_plus,
    "squared_relu": squared_relu,
    "none": none,
}
"""scores float32 (B, N, T, S), allowed bool (B, 1, T, S) -> Shares.

late: let the output be divided by the total in the weights' stead, where a normalization has one
"""
