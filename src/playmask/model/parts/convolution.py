"""Lightweight and dynamic convolutions, as attention to a few neighbours.

A depthwise convolution whose kernel is softmaxed is an attention whose scores depend on how far a
key is, and on nothing else (light) or on the query (dynamic). So masks, packed texts, ragged rows
and the cache need nothing special: a kernel's weights are shared out among the neighbours that may
be seen, where a convolution proper would count zeros.
"""

from typing import Any, ClassVar

import keras
from keras import ops

from playmask.model.dense import Dense
from playmask.model.masks import Sites, Tensor
from playmask.model.parts.part import Host, Look, Part, Sizes, check_counts, name_for
from playmask.model.recipes import recipe


@recipe
class LightConvolution(Part):
    """Lightweight convolution: scores keys near the query by their distance, and no other.

    before, after: how many sites on each side of the query it reaches.
    Weights: (before + 1 + after)·N a block.
    Shapes: scores (B, N, T, S)
    Source: Wu et al. 2019, §3. What lies beyond the ends of a text has no share here; fairseq's
            `LightweightConv1d` counts zeros there

    Example:
        >>> light = load(path, attention=LightConvolution(before=1, after=0))
        >>> weights = light({"tokens": np.array([[2, 7, 8]])}, attention=True)["attention"][0]
        >>> (ops.convert_to_numpy(weights)[0, 0] > 0).astype(int).tolist()
        [[1, 0, 0], [1, 1, 0], [0, 1, 1]]

    """

    before: int = 3
    after: int = 3

    distances = True
    kind: ClassVar[str] = "light_convolution"

    def __post_init__(self) -> None:
        check_counts(self, "before", "after", least=0)

    @property
    def width(self) -> int:
        """How many keys a query reaches."""
        return self.before + 1 + self.after

    def make(self, attention: Host) -> "LightScores":
        """The kernels of one block."""
        return LightScores(self, attention, self.kind)


@recipe
class DynamicConvolution(LightConvolution):
    """Dynamic convolution: a light one whose kernel is computed from the query's hidden state.

    before, after: how many sites on each side of the query it reaches.
    Weights: D·(before + 1 + after)·N a block.
    Shapes: x (B, T, D) -> scores (B, N, T, S)
    Source: Wu et al. 2019, §4. The kernel comes from the hidden state that the block gets, where
            fairseq computes it from what a gated linear unit has made of that

    Example:
        >>> dynamic = load(path, attention=DynamicConvolution(before=1, after=1))
        >>> [(fresh.ours[9:], fresh.shape) for fresh in dynamic.report.fresh[:1]]
        [('attention/dynamic_convolution/kernels/kernel', (32, 6))]

    """

    kind: ClassVar[str] = "dynamic_convolution"

    def make(self, attention: Host) -> "DynamicScores":
        """The layer that computes the kernels of one block."""
        return DynamicScores(self, attention, self.kind)


class _Neighbours(keras.layers.Layer, Part):
    """Keys within reach, and where in the kernel their distance stands."""

    def __init__(self, convolution: LightConvolution, attention: Host, kind: str) -> None:
        super().__init__(name=name_for(attention, kind), dtype=attention.dtype_policy)
        self.convolution, self.heads = convolution, attention.key_heads
        self.initializer = attention.initializer

    def _place(self, queries: Sites, keys: Sites) -> Tensor:
        """The distance of each key as a place in the kernel: int32 (B, T, S)."""
        away = ops.expand_dims(keys.position, 1) - ops.expand_dims(queries.position, 2)
        return away + self.convolution.before

    def reach(self, queries: Sites, keys: Sites) -> Tensor:
        """The keys that the kernel covers: bool (B, T, S)."""
        place = self._place(queries, keys)
        return ops.logical_and(place >= 0, place < self.convolution.width)

    def _inside(self, queries: Sites, keys: Sites) -> tuple[Tensor, Tensor]:
        """Where each key's score stands, and 1 where it is within reach, else 0."""
        place = ops.clip(self._place(queries, keys), 0, self.convolution.width - 1)
        reach = ops.cast(self.reach(queries, keys), self.compute_dtype)
        return ops.expand_dims(place, 1), ops.expand_dims(reach, 1)


class LightScores(_Neighbours):
    """The kernels: (N, width)."""

    def build(self, shape: Any = None) -> None:
        """Create the kernels."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.heads, self.convolution.width),
            initializer="glorot_uniform",
        )

    def logits(self, look: Look) -> Tensor:
        """Read the kernel at each distance: (1 or B, N, T, S)."""
        place, reach = self._inside(look.queries, look.keys)
        scores = ops.take(ops.cast(self.kernel, self.compute_dtype), place[:, 0], axis=1)
        return ops.swapaxes(scores, 0, 1) * reach


class DynamicScores(_Neighbours):
    """A dense layer to the kernels: D -> N·width."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the layer for inputs (B, T, D)."""
        self.dense = Dense(
            self.heads * self.convolution.width,
            use_bias=False,
            kernel_initializer=self.initializer.clone(),
            name="kernels",
            dtype=self.dtype_policy,
        )
        self.dense.build(shape)

    def logits(self, look: Look) -> Tensor:
        """Read each query's kernel at each distance: (B, N, T, S)."""
        width = self.convolution.width
        kernels = ops.reshape(self.dense(look.x), (-1, ops.shape(look.x)[1], self.heads, width))
        kernels = ops.transpose(kernels, (0, 2, 1, 3))
        place, reach = self._inside(look.queries, look.keys)
        shape = (*ops.shape(kernels)[:3], ops.shape(look.keys.position)[1])
        place = ops.broadcast_to(place, shape)
        return ops.take_along_axis(kernels, place, axis=-1) * reach

    def products(self, sizes: Sizes) -> int:
        """The dense layer."""
        return sizes.queries * sizes.width * self.heads * self.convolution.width
