"""One span of many: scores for all up to some length, what is learnt, and which are likeliest.

A band (B, T, A) holds the score of each span by its first token and its length - 1.
"""

import keras
from keras import ops

from playmask.labelling.losses import HIDDEN
from playmask.model.masks import Tensor


def slanted(rows: Tensor, count: int) -> Tensor:
    """What stands l places further in row l: out[b, t, l] = rows[b, l, t + l]; HIDDEN after all.

    Shapes: (B, count, T) -> (B, T, count)
    """
    length = ops.shape(rows)[2]
    width = length + count
    padded = ops.pad(rows, [[0, 0], [0, 0], [0, count]], constant_values=HIDDEN)
    flat = ops.reshape(padded, (-1, count * width))
    flat = ops.pad(flat, [[0, 0], [0, count]])  # rows of one more begin one further each
    turned = ops.reshape(flat, (-1, count, width + 1))[:, :, :length]
    return ops.swapaxes(turned, 1, 2)


def band_of_ends(first: Tensor, last: Tensor, longest: int) -> Tensor:
    """A score for the first token plus one for the last: (B, T) twice -> (B, T, longest)."""
    rows = last[:, None] + ops.zeros((longest, 1))
    return ops.maximum(first[..., None] + slanted(rows, longest), HIDDEN)


def band_of_tokens(each: Tensor, ends: Tensor, longest: int) -> Tensor:
    """The log-probabilities of a span's tokens, each at its place, and of the end behind them.

    Shapes: each (B, A, T), of token t as the k-th of an answer; ends (B, A), of an answer of k
    tokens, 0 for A = longest of them -> (B, T, A)
    """
    spelled = ops.cumsum(slanted(each, longest), axis=-1)
    behind = ops.concatenate([ends[:, 1:], ops.zeros_like(ends[:, :1])], axis=1)
    return ops.maximum(spelled + behind[:, None], HIDDEN)


class MarginalSpanCrossentropy(keras.losses.Loss):
    """The log-probability, negated, that a right span is chosen among all and none, in nats.

    Shapes: y_true (B, P), the numbers of right answers in y_pred, -1 filling up; y_pred (B, K),
    scores of which the first is that of no answer
    """

    def __init__(self) -> None:
        super().__init__(reduction="mean_with_sample_weight", name="span")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats of each row: (B,)."""
        places = ops.cast(y_true, "int32")
        right = ops.take_along_axis(y_pred, ops.maximum(places, 0), axis=-1)
        right = ops.where(places >= 0, right, HIDDEN)
        return ops.logsumexp(y_pred, axis=-1) - ops.logsumexp(right, axis=-1)
