"""How queries, keys and values are made from the hidden states."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from playmask.masks import Tensor
from playmask.recipes import recipe

Dense = Callable[[str, int], keras.layers.Layer]


class Projected(NamedTuple):
    """What projections make of hidden states.

    queries, keys (B, T, N·H); values, gate (B, T, N·V); gate: multiplied with the output, or None
    """

    queries: Tensor
    keys: Tensor
    values: Tensor
    gate: Tensor | None = None


class Projections:
    """A recipe: `layers` makes the layers of one attention, a call runs them."""

    def layers(self, attention: Any, dense: Dense) -> dict[str, keras.layers.Layer]:
        """Make the layers by name; dense(name, units) makes a dense one as the others are."""
        raise NotImplementedError

    def build(self, attention: Any, shape: tuple[int | None, ...]) -> None:
        """Create the layers' weights for inputs (B, T, D)."""
        for layer in attention.projections.values():
            layer.build(shape)

    def __call__(self, attention: Any, x: Tensor) -> Projected:
        """Project x (B, T, D) through attention.projections."""
        raise NotImplementedError


@recipe
class Separate(Projections):
    """A dense layer each for queries, keys and values (Vaswani et al. 2017, §3.2.2)."""

    def layers(self, attention: Any, dense: Dense) -> dict[str, keras.layers.Layer]:
        """The layers query, key and value."""
        sizes = {name: attention.key_size for name in ("query", "key")}
        sizes["value"] = attention.value_size
        return {name: dense(name, attention.heads * size) for name, size in sizes.items()}

    def __call__(self, attention: Any, x: Tensor) -> Projected:
        """Project through the three layers."""
        return Projected(*(layer(x) for layer in attention.projections.values()))


@recipe
class Gated(Projections):
    """The gated attention unit: gate, values and a small shared vector from one dense layer.

    Queries and keys are the shared vector, scaled (and shifted, where there are biases) number
    by number. The unit is attention and feed-forward in one.
    Source: Hua et al. 2022, §3; reproduces GAU-α (`gau/i_dense` is gate, values, shared)
    """

    @staticmethod
    def sizes(heads: int, key_size: int, value_size: int) -> tuple[int, int, int]:
        """The widths of gate, values and shared vector in the one dense layer."""
        return heads * value_size, heads * value_size, heads * key_size

    def layers(self, attention: Any, dense: Dense) -> dict[str, keras.layers.Layer]:
        """The layers inputs, query and key."""
        size = sum(self.sizes(attention.heads, attention.key_size, attention.value_size))
        return {
            "inputs": dense("inputs", size),
            **{
                name: Scale(attention.biased, name=name, dtype=attention.dtype_policy)
                for name in ("query", "key")
            },
        }

    def build(self, attention: Any, shape: tuple[int | None, ...]) -> None:
        """Create the layers' weights for inputs (B, T, D)."""
        attention.projections["inputs"].build(shape)
        for name in ("query", "key"):
            attention.projections[name].build((*shape[:-1], attention.heads * attention.key_size))

    def __call__(self, attention: Any, x: Tensor) -> Projected:
        """Split the dense layer's output and scale the shared vector twice."""
        y = attention.activation(attention.projections["inputs"](x))
        size = attention.heads * attention.value_size
        gate, values, shared = y[..., :size], y[..., size : 2 * size], y[..., 2 * size :]
        queries, keys = (attention.projections[name](shared) for name in ("query", "key"))
        return Projected(queries, keys, values, gate)


class Scale(keras.layers.Layer):
    """Multiplies each number with one of its own, and adds one where biased.

    Shapes: x (..., H) -> (..., H)
    """

    def __init__(self, biased: bool, **options: Any) -> None:
        super().__init__(**options)
        self.biased = biased

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create gamma and beta for vectors of the width shape[-1]."""
        self.gamma = self.add_weight(name="gamma", shape=shape[-1:], initializer="ones")
        if self.biased:
            self.beta = self.add_weight(name="beta", shape=shape[-1:], initializer="zeros")

    def call(self, x: Tensor) -> Tensor:
        """Scale the last axis."""
        y = x * self.gamma
        return y + self.beta if self.biased else y
