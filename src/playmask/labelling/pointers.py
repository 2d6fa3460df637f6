"""Global pointers: a score for each label, first token and last token of a span."""

from typing import Any

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.labelling.candidates import HIDDEN
from playmask.labelling.losses import serializable
from playmask.model.dense import Dense
from playmask.model.masks import Tensor
from playmask.model.parts.rotary import turn
from playmask.model.parts.sinusoidal import angles, frequencies

RARE = 7.0
"""Nats below zero where scores begin that have a bias: of a thousand spans, one is right."""


@serializable
class GlobalPointer(keras.layers.Layer):
    """GlobalPointer: scores each span by a query of its first and a key of its last token.

    labels: each has queries and keys of its own; size: of these; rotary: they are turned by their
    positions (with `False` a span's score does not know its length); onward: only spans that end
    where they begin, or later. `SparseMultilabelCrossentropy` is the loss.

    Shapes:  x (B, T, D); valid bool (B, T) -> float32 (B, labels, T, T), at [first, last]; -1e9
             where there is padding or no span
    Units:   a span is predicted where its score is above 0
    Raises:  ConfigError for no labels or an odd size
    Source:  Su 2021 (kexue 8373); reproduces bert4keras' GlobalPointer

    Example:
        >>> x, valid = keras.Input((None, 16)), keras.Input((None,), dtype="bool")
        >>> playmask.GlobalPointer(3, size=8)(x, valid).shape
        (None, 3, None, None)

    """

    def __init__(
        self,
        labels: int,
        *,
        size: int = 64,
        rotary: bool = True,
        onward: bool = True,
        initializer: Any = "lecun_normal",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if labels < 1 or size < 2 or size % 2:
            raise ConfigError(
                f"labels is from 1 and size is even; received labels={labels}, size={size}."
            )
        self.labels, self.size, self.rotary, self.onward = labels, size, rotary, onward
        self.initializer = initializer
        self.dense = self._dense("dense", self.width)

    @property
    def width(self) -> int:
        """Units of the dense layer: a query and a key for each label."""
        return 2 * self.labels * self.size

    def _dense(self, name: str, units: int, bias: float = 0.0) -> Dense:
        return Dense(
            units,
            kernel_initializer=self.initializer,
            bias_initializer=keras.initializers.Constant(bias),
            name=name,
            dtype=self.dtype_policy,
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for hidden states (B, T, D)."""
        self.dense.build(shape)

    def call(self, x: Tensor, valid: Tensor) -> Tensor:
        """Score all spans."""
        length = ops.shape(x)[1]
        heads = ops.reshape(self.dense(x), (-1, length, self.labels, 2 * self.size))
        q, k = ops.split(ops.transpose(heads, (0, 2, 1, 3)), 2, axis=-1)
        return self._only_spans(self._products(q, k), valid)

    def compute_output_spec(self, x: Tensor, valid: Tensor) -> keras.KerasTensor:
        """Return the shape and type of the scores."""
        batch, length, _ = x.shape
        return keras.KerasTensor((batch, self.labels, length, length), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal layer."""
        fields = {name: getattr(self, name) for name in ("labels", "size", "rotary", "onward")}
        initializer = keras.initializers.serialize(keras.initializers.get(self.initializer))
        return {**super().get_config(), **fields, "initializer": initializer}

    def _products(self, q: Tensor, k: Tensor) -> Tensor:
        """Queries (B, N, T, H) times keys, in float32: (B, N, T, T)."""
        if self.rotary:
            places = ops.arange(ops.shape(q)[2])[None]
            phases = angles(places, frequencies(10000.0, self.size))[:, None]
            q, k = (turn(each, ops.cos(phases), ops.sin(phases)) for each in (q, k))
        scores = ops.matmul(q * self.size**-0.5, ops.swapaxes(k, -1, -2))
        return ops.cast(scores, "float32")

    def _only_spans(self, scores: Tensor, valid: Tensor) -> Tensor:
        """Hide what is padding, and what ends before it begins."""
        allowed = ops.logical_and(valid[:, :, None], valid[:, None, :])
        if self.onward:
            places = ops.arange(ops.shape(valid)[1])
            allowed = ops.logical_and(allowed, places[:, None] <= places)
        return ops.where(allowed[:, None], scores, HIDDEN)


@serializable
class EfficientGlobalPointer(GlobalPointer):
    """Efficient GlobalPointer: one query and key for all labels, plus a label's score of each end.

    Shapes:  as of `GlobalPointer`: x (B, T, D); valid bool (B, T) -> (B, labels, T, T)
    Units:   a span is predicted where its score is above 0; scores begin about 7 below
    Raises:  ConfigError for no labels or an odd size
    Source:  Su 2022 (kexue 8877); reproduces bert4keras' EfficientGlobalPointer

    Example:
        >>> pointer = playmask.EfficientGlobalPointer(3, size=8)
        >>> scores = pointer(np.ones((1, 4, 16), "float32"), np.ones((1, 4), bool))
        >>> scores.shape, float(scores[0, 0, 2, 1])  # no span ends before it begins
        ((1, 3, 4, 4), -1000000000.0)

    """

    def __init__(self, labels: int, **options: Any) -> None:
        super().__init__(labels, **options)
        self.ends = self._dense("ends", 2 * labels, -RARE)

    @property
    def width(self) -> int:
        """Units of the dense layer: a query and a key."""
        return 2 * self.size

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for hidden states (B, T, D)."""
        super().build(shape)
        self.ends.build((*shape[:-1], self.width))

    def call(self, x: Tensor, valid: Tensor) -> Tensor:
        """Score all spans."""
        both = self.dense(x)
        q, k = both[..., 0::2], both[..., 1::2]
        scores = self._products(q[:, None], k[:, None])
        ends = ops.cast(ops.transpose(self.ends(both) / 2, (0, 2, 1)), "float32")
        last, first = ends[:, 0::2], ends[:, 1::2]
        scores = scores + first[..., None] + last[:, :, None]
        return self._only_spans(scores, valid)


def best_spans(scores: Tensor, count: int) -> dict[str, Tensor]:
    """Top-k over all spans of a table: score, label, first and last token of each.

    The k best stand in the k rows with the largest scores, so those are sought first.
    Shapes: scores (B, labels, T, T) -> (B, K) each, of at most `count`
    """
    labels, length = scores.shape[1], scores.shape[-1]
    rows = ops.reshape(scores, (-1, labels * length, length))
    _, chosen = ops.top_k(ops.max(rows, axis=-1), min(count, labels * length))
    rows = ops.take_along_axis(rows, chosen[..., None], axis=1)
    most = rows.shape[1] * length
    best, places = ops.top_k(ops.reshape(rows, (-1, most)), min(count, most))
    row = ops.take_along_axis(chosen, places // length, axis=1)
    return {
        "score": best,
        "label": row // length,
        "first": row % length,
        "last": places % length,
    }


POINTERS: dict[str, Any] = {"global": GlobalPointer, "efficient": EfficientGlobalPointer}
