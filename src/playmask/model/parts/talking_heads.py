"""Talking heads: heads are mixed before the softmax, after it, or both."""

from typing import Any

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Tensor
from playmask.model.parts.part import Host, Mixer, Sizes, check_counts
from playmask.model.recipes import recipe


@recipe
class TalkingHeads(Mixer):
    """Talking-heads attention: mixes scores over heads before the softmax, and weights after it.

    before, after: whether the scores (by P_l), and the weights (by P_w), are mixed; key_heads,
    value_heads: how many heads queries and keys, and values have (None = as many as the softmax:
    attention_heads).
    Both matrices begin as the identity, so that a pretrained model starts as it was; between
    different numbers of heads each head begins as one of the others, with a little noise.
    Masks and biases come after P_l. The weights after P_w may be negative and sum to anything.
    Weights: key_heads·N + N·value_heads a block.
    Shapes: scores (B, key_heads, T, S) -> (B, N, T, S); weights -> (B, value_heads, T, S)
    Source: Shazeer et al. 2020, §4

    Example:
        >>> talking, inputs = load(path, mixer=TalkingHeads()), {"tokens": np.array([[2, 7, 3]])}
        >>> bool(np.allclose(talking(inputs)["hidden"], model(inputs)["hidden"], atol=1e-5))
        True
        >>> [(fresh.ours[9:], fresh.shape) for fresh in talking.report.fresh[:1]]
        [('attention/logits_mixer/kernel', (2, 2))]

    """

    before: bool = True
    after: bool = True
    key_heads: int | None = None
    value_heads: int | None = None

    def __post_init__(self) -> None:
        check_counts(self, "key_heads", "value_heads")

    def make(self, attention: Host, place: str) -> "HeadMixing | None":
        """The matrix at a place; raises ConfigError where heads differ and nothing mixes them."""
        outer, name, mixes = (
            (attention.key_heads, "logits_mixer", self.before)
            if place == "before"
            else (attention.value_heads, "weights_mixer", self.after)
        )
        if not mixes:
            if outer != attention.heads:
                side = "key_heads" if place == "before" else "value_heads"
                raise ConfigError(
                    f"{outer} {side} and {attention.heads} attention_heads need to be mixed "
                    f"{place} the softmax: give TalkingHeads {place}=True."
                )
            return None
        shape = (outer, attention.heads) if place == "before" else (attention.heads, outer)
        return HeadMixing(shape, name=name, dtype=attention.dtype_policy)

    def products(self, sizes: Sizes) -> int:
        """Each pair of sites through both matrices."""
        into = sizes.key_heads * sizes.heads if self.before else 0
        out = sizes.heads * sizes.value_heads if self.after else 0
        return sizes.queries * sizes.keys * (into + out)


class HeadMixing(keras.layers.Layer):
    """A matrix from heads to heads: (B, N, T, S) -> (B, M, T, S)."""

    def __init__(self, shape: tuple[int, int], **options: Any) -> None:
        super().__init__(**options)
        self.shape = shape

    def build(self, shape: Any = None) -> None:
        """Create the matrix (N, M)."""
        self.kernel = self.add_weight(name="kernel", shape=self.shape, initializer=_spread)

    def call(self, x: Tensor) -> Tensor:
        """Mix the heads."""
        x = ops.broadcast_to(x, (ops.shape(x)[0], self.shape[0], *ops.shape(x)[2:]))
        return ops.einsum("bnts,nm->bmts", x, ops.cast(self.kernel, self.compute_dtype))


def _spread(shape: tuple[int, int], dtype: Any = None) -> Tensor:
    """The identity; between different numbers of heads, each to the one at its relative place."""
    rows, columns = shape
    if rows == columns:
        return ops.eye(rows, dtype=dtype)
    if rows < columns:
        near = ops.eye(rows, dtype=dtype)
        near = ops.stack([near[:, j * rows // columns] for j in range(columns)], axis=1)
    else:
        near = ops.stack(
            [ops.eye(columns, dtype=dtype)[i * columns // rows] for i in range(rows)], axis=0
        )
        near = near / ops.sum(near, axis=0, keepdims=True)
    return near + keras.random.normal(shape, stddev=0.02, dtype=dtype)
