"""How queries, keys and values are made from the hidden states."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol

import keras
from keras import ops

from playmask.model.masks import Tensor
from playmask.model.parts.part import Host
from playmask.model.recipes import recipe

Dense = Callable[[str, int], keras.layers.Layer]


class Projecting(Host, Protocol):
    """An attention, whose hidden states are projected.

    uses: the projections that exist; projections: their layers by name; activation: of those
    that have one
    """

    uses: frozenset[str]
    projections: dict[str, keras.layers.Layer]
    activation: Callable[[Tensor], Tensor]


class Projected(NamedTuple):
    """What projections make of hidden states.

    queries, keys (B, T, N·H), or None where no part uses them; values, gate (B, T, N·V); gate:
    multiplied with the output, or None
    """

    queries: Tensor | None
    keys: Tensor | None
    values: Tensor
    gate: Tensor | None = None


class Projections:
    """A recipe: `layers` makes the layers of one attention, a call runs them.

    Only what attention.uses names is made. uses: what there is in any case.
    """

    uses: tuple[str, ...] = ()

    def layers(self, attention: Projecting, dense: Dense) -> dict[str, keras.layers.Layer]:
        """Make the layers by name; dense(name, units) makes a dense one as the others are."""
        raise NotImplementedError

    def build(self, attention: Projecting, shape: tuple[int | None, ...]) -> None:
        """Create the layers' weights for inputs (B, T, D)."""
        for layer in attention.projections.values():
            if not layer.built:
                layer.build(shape)

    def __call__(self, attention: Projecting, x: Tensor) -> Projected:
        """Project x (B, T, D) through attention.projections."""
        raise NotImplementedError


def widths(heads: Sequence[int], key_size: int, value_size: int) -> dict[str, int]:
    """How wide queries, keys and values are, all heads together; heads: theirs."""
    queries, keys, values = heads
    return {"query": queries * key_size, "key": keys * key_size, "value": values * value_size}


def sizes_of(attention: Projecting) -> dict[str, int]:
    """How wide an attention's queries, keys and values are, all heads together."""
    a = attention
    return widths((a.key_heads, *a.cached_heads), a.key_size, a.value_size)


@recipe
class Separate(Projections):
    """Query, key and value projections: a dense layer each.

    Those that no part of the attention uses do not exist; without one for values, the hidden
    states themselves are the values.
    Shapes: x (B, T, D) -> (B, T, N·H) twice and (B, T, N·V); keys and values of fewer heads where
            `key_value_heads` says so
    Source: Vaswani et al. 2017, §3.2.2

    Example:
        >>> architecture("bert").projections
        Separate()
        >>> sorted(architecture("bert").change(attention=Synthesizer("dense")).uses)
        ['output', 'value']

    """

    def layers(self, attention: Projecting, dense: Dense) -> dict[str, keras.layers.Layer]:
        """The layers query, key and value, those that are used."""
        sizes = sizes_of(attention)
        return {name: dense(name, sizes[name]) for name in sizes if name in attention.uses}

    def __call__(self, attention: Projecting, x: Tensor) -> Projected:
        """Project through the layers there are."""
        y = {name: layer(x) for name, layer in attention.projections.items()}
        return Projected(y.get("query"), y.get("key"), y.get("value", x))


@recipe
class Glu(Projections):
    """Gated linear unit (GLU) of values, before they are mixed: value(x) · sigmoid(value_gate(x)).

    It is what stands before light and dynamic convolutions.
    Shapes: x (B, T, D) -> values (B, T, N·V); queries and keys as of `Separate`
    Source: Wu et al. 2019, §5 (the gated linear unit of Dauphin et al. 2017)

    Example:
        >>> gated = load(path, attention=LightConvolution(), projections=Glu())
        >>> [(fresh.ours[9:], fresh.shape) for fresh in gated.report.fresh[:1]]
        [('attention/value_gate/kernel', (32, 32))]

    """

    uses = ("value", "output")

    def layers(self, attention: Projecting, dense: Dense) -> dict[str, keras.layers.Layer]:
        """The layers of `Separate`, and value_gate."""
        gate = dense("value_gate", sizes_of(attention)["value"])
        return {**Separate().layers(attention, dense), "value_gate": gate}

    def __call__(self, attention: Projecting, x: Tensor) -> Projected:
        """Project, and gate the values."""
        y = {name: layer(x) for name, layer in attention.projections.items()}
        values = y["value"] * ops.sigmoid(y["value_gate"])
        return Projected(y.get("query"), y.get("key"), values)


@recipe
class Gated(Projections):
    """Gated attention unit (GAU): gate, values and a small shared vector from one dense layer.

    Queries and keys are the shared vector, scaled (and shifted, where there are biases) number
    by number; what no part uses is not there. The unit is attention and feed-forward in one.
    Shapes: x (B, T, D) -> queries, keys (B, T, H); values, gate (B, T, V)
    Source: Hua et al. 2022, §3; reproduces GAU-α (`gau/i_dense` is gate, values, shared)

    Example:
        >>> gau = architecture("gau_alpha")
        >>> gau.projections, gau.feedforward, gau.attention_heads
        (Gated(), False, 1)

    """

    uses = ("value", "output")

    @staticmethod
    def pieces(sizes: dict[str, int], uses: Collection[str]) -> tuple[int, int, int]:
        """How wide gate, values and shared vector are in the one dense layer."""
        shared = sizes["key"] if {"query", "key"} & set(uses) else 0
        return sizes["value"], sizes["value"], shared

    def layers(self, attention: Projecting, dense: Dense) -> dict[str, keras.layers.Layer]:
        """The layers inputs, query and key."""
        scaled = [name for name in ("query", "key") if name in attention.uses]
        return {
            "inputs": dense("inputs", sum(self.pieces(sizes_of(attention), attention.uses))),
            **{
                name: Scale(attention.has_bias(name), name=name, dtype=attention.dtype_policy)
                for name in scaled
            },
        }

    def build(self, attention: Projecting, shape: tuple[int | None, ...]) -> None:
        """Create the layers' weights for inputs (B, T, D)."""
        for name, layer in attention.projections.items():
            size = shape[-1] if name == "inputs" else sizes_of(attention)["key"]
            layer.build((*shape[:-1], size))

    def __call__(self, attention: Projecting, x: Tensor) -> Projected:
        """Split the dense layer's output and scale the shared vector."""
        y = attention.activation(attention.projections["inputs"](x))
        size = sizes_of(attention)["value"]
        gate, values, shared = y[..., :size], y[..., size : 2 * size], y[..., 2 * size :]
        queries, keys = (
            attention.projections[name](shared) if name in attention.projections else None
            for name in ("query", "key")
        )
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
