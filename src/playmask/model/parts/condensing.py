"""Attention whose keys and values are condensed along the text: Linformer and MLP-Mixer.

What is condensed mixes the whole text, so these only encode: they follow the order "full" alone,
and no cache.
"""

from typing import Any, ClassVar

import keras
from keras import ops

from playmask.model.activations import gelu
from playmask.model.masks import NEVER, Sites, Tensor
from playmask.model.parts.head_axis import from_groups, to_groups
from playmask.model.parts.part import Condensed, Host, Look, Part, Sizes, name_for
from playmask.model.parts.positioned import Limited, rows
from playmask.model.recipes import recipe


class _Condensing(Limited):
    """What both share: one order, and a table with a row for each position."""

    size: int
    orders = ("full",)
    counts = ("size", "length")
    kind: ClassVar[str]


@recipe
class Linformer(_Condensing):
    """Linformer: the dot product with `size` condensed keys and values, softmax(q (E k)ᵀ / √H) F v.

    E and F are (length, size), the same for all heads; padding counts nothing. It follows the
    order "full" only, without a cache.
    Weights: 2·length·size a block.
    Shapes: q (B, N, T, H); E k (B, N, size, H) -> scores (B, N, T, size)
    Source: Wang et al. 2020, eq. 7 ("headwise" sharing)

    Example:
        >>> linear = load(path, attention=Linformer(size=4))
        >>> out = linear({"tokens": np.arange(1, 21)[None]}, attention=True)
        >>> tuple(out["attention"][0].shape)  # 20 queries, 4 keys
        (1, 2, 20, 4)

    """

    size: int = 128
    length: int = 512

    uses = ("query", "key", "value", "output")
    kind: ClassVar[str] = "linformer"

    def make(self, attention: Host) -> "CondensedScores":
        """The tables of one block."""
        return CondensedScores(self, ("keys", "values"), attention)


@recipe
class TokenMixing(_Condensing):
    """Token mixing of MLP-Mixer: W₂ gelu(W₁ x + b₁) + b₂ along the text, without a softmax.

    All channels are mixed in the same way; there are no projections. It is a condensation into
    `size` places by W₁, spread out again by W₂. It follows the order "full" only, without a cache.
    Weights: 2·length·size + size + length a block.
    Shapes: x (B, 1, S, D) -> (B, 1, T, D)
    Source: Tolstikhin et al. 2021, eq. 1

    Example:
        >>> mixer = load(path, attention=TokenMixing(size=8))
        >>> sorted(mixer.architecture.uses)  # no queries, keys, values
        []
        >>> [(fresh.ours[19:], fresh.shape) for fresh in mixer.report.fresh[:2]]
        [('token_mixing/values', (512, 8)), ('token_mixing/hidden_bias', (8, 1))]

    """

    size: int = 256
    length: int = 512

    uses = ()
    normalization = "none"
    kind: ClassVar[str] = "token_mixing"

    def make(self, attention: Host) -> "Mixing":
        """The layers of one block."""
        return Mixing(self, ("values",), attention)


class CondensedScores(keras.layers.Layer, Part):
    """Tables (length, size) that condense keys and values, and their dot product."""

    def __init__(self, recipe: _Condensing, sides: tuple[str, ...], attention: Host) -> None:
        super().__init__(name=name_for(attention, recipe.kind), dtype=attention.dtype_policy)
        self.length, self.size, self.sides = recipe.length, recipe.size, sides

    def build(self, shape: Any = None) -> None:
        """Create the tables; a condensed vector begins as large as one of the text's."""
        normal = keras.initializers.RandomNormal(stddev=self.length**-0.5)
        self.tables = {
            side: self.add_weight(
                name=side, shape=(self.length, self.size), initializer=normal.clone()
            )
            for side in self.sides
        }

    def condense(self, k: Tensor | None, v: Tensor, scene: Any) -> Condensed:
        """Put `size` keys and values in the place of all; every query may look at them."""
        k = None if "keys" not in self.tables else self._condensed("keys", k, scene.keys)
        v = self._condensed("values", v, scene.keys)
        some = ops.any(scene.allowed, axis=-1, keepdims=True)
        order = ops.zeros((1, self.size), "int32")
        allowed = ops.logical_and(some, ops.expand_dims(order == 0, 1))
        return k, v, scene._replace(allowed=allowed, keys=Sites(order, order, order))

    def slots(self, keys: int) -> int:
        """As many as the tables condense a text into."""
        return self.size

    def _condensed(self, side: str, x: Tensor | None, sites: Sites) -> Tensor:
        """Weigh a text's vectors: (B, N, S, H) -> (B, N, size, H)."""
        valid = ops.cast(sites.order < NEVER, self.compute_dtype)[:, None, :, None]
        table = ops.cast(self.tables[side], self.compute_dtype)
        table = rows(ops.expand_dims(table, 0), sites)  # (1 or B, 1, S, size)
        return ops.matmul(ops.swapaxes(table, -1, -2), x * valid)

    def logits(self, look: Look) -> Tensor:
        """Compare queries with condensed keys: (B, N, T, size)."""
        assert look.q is not None and look.k is not None
        q = to_groups(look.q * look.q.shape[-1] ** -0.5, look.k.shape[1])
        return from_groups(ops.matmul(q, ops.swapaxes(look.k, -1, -2)), look.q.shape[1])

    def products(self, sizes: Sizes) -> int:
        """Condensing keys and values, and comparing queries with the condensed keys."""
        keys, values = sizes.cached_heads
        width = keys * sizes.key_size + values * sizes.value_size
        compared = sizes.queries * sizes.key_heads * sizes.key_size
        return self.size * (sizes.keys * width + compared)


class Mixing(CondensedScores):
    """Tables into and out of the condensed places, and their biases."""

    def build(self, shape: Any = None) -> None:
        """Create the tables and biases."""
        super().build(shape)
        self.hidden_bias = self.add_weight(
            name="hidden_bias", shape=(self.size, 1), initializer="zeros"
        )
        self.spread = self.add_weight(
            name="spread",
            shape=(1, self.length, self.size),
            initializer=keras.initializers.RandomNormal(stddev=self.size**-0.5),
        )
        self.shift = self.add_weight(name="bias", shape=(1, self.length, 1), initializer="zeros")

    def condense(self, k: Tensor | None, v: Tensor, scene: Any) -> Condensed:
        """W₁ along the text, and the activation."""
        k, v, scene = super().condense(k, v, scene)
        hidden = v + ops.cast(self.hidden_bias, self.compute_dtype)
        return k, gelu(hidden), scene

    def logits(self, look: Look) -> Tensor:
        """W₂'s row for each query: (1 or B, 1, T, size)."""
        return rows(ops.cast(self.spread, self.compute_dtype), look.queries)

    def values(self, weights: Tensor, v: Tensor, queries: Sites, keys: Sites) -> Tensor:
        """b₂ for each query: (1 or B, 1, T, 1)."""
        return rows(ops.cast(self.shift, self.compute_dtype), queries)

    def products(self, sizes: Sizes) -> int:
        """Condensing; spreading out again is the attention's own product."""
        return sizes.keys * self.size * sizes.cached_heads[1] * sizes.value_size
