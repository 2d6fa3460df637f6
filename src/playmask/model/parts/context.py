"""What a text is generated on: vectors that every block looks at besides the text itself.

They come as the input `context`, one vector or several for each row. This is not `condition`,
on which norms depend.
"""

from typing import Any, ClassVar

import keras
from keras import ops

from playmask.model.dense import Dense
from playmask.model.masks import Tensor
from playmask.model.parts.dot import Dot
from playmask.model.parts.head_axis import from_groups, split_heads, to_groups
from playmask.model.parts.part import Host, Part, check_counts
from playmask.model.recipes import recipe


@recipe
class PseudoSelf:
    """Pseudo-self attention: the context's keys and values stand in front of the text's own.

    They share one softmax. Only their projections U_k and U_v are new. Where queries are turned
    by their positions (rotary), what they say of the context depends on these too.
    Weights: size·(N·H + N·V) a block, and the biases.
    Shapes: the model's input `context` (B, size) or (B, E, size) -> scores (B, N, T, E + S)
    Source: Ziegler et al. 2019, eq. 4

    Example:
        >>> inputs = {"tokens": np.array([[2, 7, 8, 3]]), "context": np.ones((1, 5, 6))}
        >>> out = load(path, context=PseudoSelf(6))(inputs, attention=True)
        >>> tuple(out["attention"][0].shape)  # 4 queries, 5 + 4 keys
        (1, 2, 4, 9)

    """

    size: int

    uses: ClassVar[tuple[str, ...]] = ("query",)

    def __post_init__(self) -> None:
        check_counts(self, "size")

    def make(self, attention: Host) -> "ContextKeys":
        """The projections of one block."""
        return ContextKeys(self.size, attention)


@recipe
class ContextAttention:
    """Cross-attention to the context, with a norm of its own, after the self-attention.

    attention: its content parts.
    Shapes: the model's input `context` (B, size) or (B, E, size) -> scores (B, N, T, E)
    Source: Ziegler et al. 2019, §3 (context-attention)

    Example:
        >>> across = load(path, context=ContextAttention(6))
        >>> tokens, first, second = np.array([[2, 7, 3]]), np.zeros((1, 6)), np.ones((1, 6))
        >>> a, b = (across({"tokens": tokens, "context": c})["hidden"] for c in (first, second))
        >>> a.shape == (1, 3, 32), bool(np.allclose(a, b))
        (True, False)

    """

    size: int
    attention: tuple[Part, ...] = (Dot(),)

    cross_position: ClassVar[bool] = False

    uses: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_counts(self, "size")


class ContextKeys(keras.layers.Layer):
    """Keys and values of a context: (B, E, C) -> (B, N, E, H) and (B, N, E, V)."""

    def __init__(self, size: int, attention: Host) -> None:
        super().__init__(name="context", dtype=attention.dtype_policy)
        self.size = size
        self.sides = {
            "key": (attention.cached_heads[0], attention.key_size),
            "value": (attention.cached_heads[1], attention.value_size),
        }
        self.projections = {
            side: Dense(
                heads * size_,
                use_bias=attention.has_bias(side),
                kernel_initializer=attention.initializer.clone(),
                name=side,
                dtype=attention.dtype_policy,
            )
            for side, (heads, size_) in self.sides.items()
        }

    def build(self, shape: Any = None) -> None:
        """Create the weights."""
        for layer in self.projections.values():
            layer.build((None, None, self.size))

    def call(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Project the context for one block."""
        keys, values = (
            split_heads(self.projections[side](context), *sizes)
            for side, sizes in self.sides.items()
        )
        return keys, values

    @staticmethod
    def scores(q: Tensor, keys: Tensor) -> Tensor:
        """Compare queries with the context's keys: (B, N, T, E)."""
        grouped = to_groups(q * q.shape[-1] ** -0.5, keys.shape[1])
        return from_groups(ops.matmul(grouped, ops.swapaxes(keys, -1, -2)), q.shape[1])
