"""One span of many: scores of all up to some length, and the loss of the right ones among them.

A band (B, T, A) holds the score of each span by its first token and its length - 1.
"""

from typing import Any

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.labelling.candidates import HIDDEN
from playmask.labelling.divergences import SOFTMAX
from playmask.labelling.losses import MEAN, serializable
from playmask.model.masks import Tensor


def slanted(rows: Tensor, count: int) -> Tensor:
    """Diagonals of rows: out[b, t, l] = rows[b, l, t + l], and HIDDEN behind the last.

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
    """Span scores from scores of first and last tokens: (B, T) twice -> (B, T, longest)."""
    rows = last[:, None] + ops.zeros((longest, 1))
    return ops.maximum(first[..., None] + slanted(rows, longest), HIDDEN)


def band_of_tokens(each: Tensor, ends: Tensor, longest: int) -> Tensor:
    """Span scores from log-probabilities of their tokens, and of the end behind them.

    Shapes: each (B, A, T), of token t as the k-th of an answer; ends (B, A), of an answer of k
    tokens, 0 for A = longest of them -> (B, T, A)
    """
    spelled = ops.cumsum(slanted(each, longest), axis=-1)
    behind = ops.concatenate([ends[:, 1:], ops.zeros_like(ends[:, :1])], axis=1)
    return ops.maximum(spelled + behind[:, None], HIDDEN)


@serializable
class SpanPointer(keras.layers.Layer):
    """Scores all spans of up to `longest` tokens, and the null span, by their first and last token.

    The head of extractive reading: a score for the first token plus one for the last; the first
    site ([CLS]) as both is the null span, no answer. `MarginalSpanCrossentropy` is the loss.

    Shapes:  x (B, T, D); valid bool (B, T), tokens that a span may begin and end with ->
             (B, 1 + T · longest): the null span, then spans at 1 + first · longest + length - 1
    Units:   nats, up to a constant of each text
    Raises:  ConfigError for `longest` below 1
    Source:  Devlin et al. 2018, §4.2-4.3

    Example:
        >>> x, valid = np.ones((1, 5, 16), "float32"), np.array([[False, True, True, True, False]])
        >>> scores = ops.convert_to_numpy(playmask.SpanPointer(longest=3)(x, valid))
        >>> scores.shape, int((scores > -1e8).sum())  # 3 + 2 + 1 spans, and the null span
        ((1, 16), 7)

    """

    def __init__(
        self, longest: int, *, initializer: Any = "glorot_uniform", **options: Any
    ) -> None:
        super().__init__(**options)
        if longest < 1:
            raise ConfigError(f"longest is from 1, in tokens; received {longest}.")
        self.longest, self.initializer = longest, initializer
        self.dense = keras.layers.Dense(
            2, kernel_initializer=initializer, dtype=self.dtype_policy, name="ends"
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for hidden states (B, T, D)."""
        self.dense.build(shape)

    def call(self, x: Tensor, valid: Tensor) -> Tensor:
        """Score all spans."""
        ends = ops.cast(self.dense(x), "float32")
        first, last = (ops.where(valid, ends[..., i], HIDDEN) for i in (0, 1))
        band = band_of_ends(first, last, self.longest)
        band = ops.reshape(band, (-1, ops.shape(x)[1] * self.longest))
        return ops.concatenate([ops.sum(ends[:, :1], axis=-1), band], axis=1)

    def compute_output_spec(self, x: Tensor, valid: Tensor) -> keras.KerasTensor:
        """Return the shape and type of the scores."""
        batch, length, _ = x.shape
        count = None if length is None else 1 + length * self.longest
        return keras.KerasTensor((batch, count), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal layer."""
        initializer = keras.initializers.serialize(keras.initializers.get(self.initializer))
        return {**super().get_config(), "longest": self.longest, "initializer": initializer}


@serializable
class MarginalSpanCrossentropy(keras.losses.Loss):
    """Marginal cross-entropy over all spans and the null span, as a loss for `compile`.

    A text may have several right spans; their probabilities are added.

    Shapes:  y_true int (B, P), the indices of right spans in y_pred, -1 filling up, 0 for the null
             span; y_pred (B, K), as of `SpanPointer`
    Units:   nats a text, the mean over the texts of a batch

    Example:
        >>> loss = playmask.MarginalSpanCrossentropy()
        >>> scores = np.log([[1.0, 2.0, 3.0, 4.0]])
        >>> print(round(float(loss(np.array([[1, 3]]), scores)), 4))  # -ln of 6 / 10
        0.5108

    """

    divergence = SOFTMAX

    def __init__(
        self, reduction: str | None = MEAN, name: str = "span_crossentropy", **options: Any
    ) -> None:
        super().__init__(name=name, reduction=reduction, **options)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats of each text: (B,)."""
        indices = ops.cast(y_true, "int32")
        right = ops.take_along_axis(y_pred, ops.maximum(indices, 0), axis=-1)
        right = ops.where(indices >= 0, right, HIDDEN)
        return ops.logsumexp(y_pred, axis=-1) - ops.logsumexp(right, axis=-1)
