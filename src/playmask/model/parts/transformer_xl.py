"""Transformer-XL's relative positions, and XLNet's relative segments."""

from typing import Any

import keras
from keras import ops

from playmask.model.masks import Tensor
from playmask.model.parts.head_axis import from_groups, to_groups
from playmask.model.parts.part import Host, Look, Part, Sizes, name_for
from playmask.model.parts.sinusoidal import check_even, sinusoids
from playmask.model.recipes import recipe


@recipe
class TransformerXl(Part):
    """Relative positions of Transformer-XL: adds u·k_j + (q_i + v)·W r(i - j), divided by √H.

    r are sines and cosines of the distance, u and v learnt vectors for each head. segments: of
    XLNet, adds (q_i + s)·e too, where e is learnt for keys of the query's segment, or of others.
    The sines of a distance are made of those of both positions, so that any distance is exact and
    nothing is looked up. Beside `Dot()`.
    Weights: D·N·H + 2·N·H a block, with segments 3·N·H more.
    Shapes: q (B, N, T, H); k (B, N, S, H) -> (B, N, T, S). Where no part makes queries and keys, it
            has nothing to do.
    Source: Dai et al. 2019, §3.3; Yang et al. 2019 (XLNet), §2.5

    Example:
        >>> a = architecture("bert").change(position=TransformerXl())
        >>> a.limit, a.segmented
        (None, True)

    """

    segments: bool = True

    distances = True

    @property
    def segmented(self) -> bool:
        """Whether it looks at segments."""
        return self.segments

    def make(self, attention: Host) -> Part:
        """The weights of one block; raises ConfigError for an odd width."""
        check_even(attention.width, "the model")
        projections = getattr(attention, "projections", {})
        if not {"query", "key"} <= projections.keys():
            return Part()
        name = name_for(attention, "transformer_xl")
        return RelativeScores(self, attention, name=name, dtype=attention.dtype_policy)


class RelativeScores(keras.layers.Layer, Part):
    """Scores of one attention by distances and segments, with its own weights."""

    def __init__(self, part: TransformerXl, attention: Host, **options: Any) -> None:
        super().__init__(**options)
        self.part, self.width = part, attention.width
        self.heads, self.size = attention.key_heads, attention.key_size
        self.initializer = attention.initializer

    def build(self, shape: Any = None) -> None:
        """Create the projection of distances, the biases of queries, and the segments' vectors."""

        def vectors(name: str, *more: int) -> Any:
            shape = (*more, self.heads, self.size)
            return self.add_weight(name=name, shape=shape, initializer=self.initializer.clone())

        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.width, self.heads * self.size),
            initializer=self.initializer.clone(),
        )
        self.content_bias, self.distance_bias = map(vectors, ("content_bias", "distance_bias"))
        if self.part.segments:
            self.segment_bias = vectors("segment_bias")
            self.segments = vectors("segments", 2)

    def logits(self, look: Look) -> Tensor:
        """Score keys by what all queries ask for, by distance, and by segment: (B, N, T, S)."""
        assert look.q is not None and look.k is not None
        q, groups = look.q, look.k.shape[1]
        everywhere = to_groups(_row(self._cast(self.content_bias)), groups)
        content = ops.matmul(everywhere, ops.swapaxes(look.k, -1, -2))
        scores = from_groups(content, self.heads) + self._by_distance(q, look)
        if self.part.segments:
            scores = scores + self._by_segment(q, look)
        return scores * self.size**-0.5

    def _by_distance(self, q: Tensor, look: Look) -> Tensor:
        """(q + v)·W r(i - j), by the sines and cosines of sums of angles."""
        kernel = ops.reshape(self._cast(self.kernel), (self.width, self.heads, self.size))
        kernel = ops.expand_dims(ops.transpose(kernel, (1, 2, 0)), 0)  # (1, N, H, D)
        sines, cosines = ops.split(
            ops.matmul(q + _row(self._cast(self.distance_bias)), kernel), 2, axis=-1
        )
        (sine_q, cosine_q), (sine_k, cosine_k) = (
            ops.split(
                self._cast(ops.expand_dims(sinusoids(at.position, self.width, halves=True), 1)),
                2,
                axis=-1,
            )
            for at in (look.queries, look.keys)
        )
        of_query = ops.concatenate(
            [sines * sine_q + cosines * cosine_q, cosines * sine_q - sines * cosine_q], axis=-1
        )
        of_key = ops.concatenate([cosine_k, sine_k], axis=-1)
        return ops.matmul(of_query, ops.swapaxes(of_key, -1, -2))

    def _by_segment(self, q: Tensor, look: Look) -> Tensor:
        """(q + s)·e: one number where the key is of the query's segment, another elsewhere."""
        vectors = ops.expand_dims(ops.transpose(self._cast(self.segments), (1, 2, 0)), 0)
        by_kind = ops.matmul(q + _row(self._cast(self.segment_bias)), vectors)  # (B, N, T, 2)
        same = ops.equal(
            ops.expand_dims(look.queries.segment, 2), ops.expand_dims(look.keys.segment, 1)
        )
        return ops.where(ops.expand_dims(same, 1), by_kind[..., :1], by_kind[..., 1:])

    def _cast(self, x: Tensor) -> Tensor:
        return ops.cast(x, self.compute_dtype)

    def products(self, sizes: Sizes) -> int:
        """Each query through the kernel, then with each key's sines; biases and segments."""
        queries = sizes.key_heads * sizes.queries
        by_segment = 2 * queries * sizes.key_size if self.part.segments else 0
        by_content = sizes.key_heads * sizes.keys * sizes.key_size
        by_distance = queries * sizes.width * (sizes.key_size + sizes.keys)
        return by_content + by_distance + by_segment


def _row(vectors: Tensor) -> Tensor:
    """(N, H) -> (1, N, 1, H)."""
    return ops.expand_dims(ops.expand_dims(vectors, 1), 0)
