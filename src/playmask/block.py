"""A block: attention and feed-forward, each with norms around it and a residual over it."""

from typing import Any

import keras

from playmask.architectures import Architecture
from playmask.attention import Attended, Attention, Scene
from playmask.feedforward import FeedForward
from playmask.masks import Tensor
from playmask.noise import Dropout
from playmask.norms import Around, normalize


class Residual(keras.layers.Layer):
    """The norms and the dropout around one sub-layer: y = after(x + dropout(f(before(x)))).

    Shapes: x, y (B, T, D) -> (B, T, D)
    """

    def __init__(self, around: Around, dropout: float, **options: Any) -> None:
        super().__init__(**options)
        self.before = normalize(around.before, "before", self.dtype_policy)
        self.after = normalize(around.after, "after", self.dtype_policy)
        self.dropout = Dropout(dropout, dtype=self.dtype_policy)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the norms' weights for inputs (B, T, D)."""
        for norm in (self.before, self.after):
            if norm is not None:
                norm.build(shape)

    def enter(self, x: Tensor) -> Tensor:
        """What the sub-layer gets."""
        return x if self.before is None else self.before(x)

    def call(self, x: Tensor, y: Tensor, *, training: bool = False) -> Tensor:
        """Add the sub-layer's output y to its input x."""
        x = x + self.dropout(y, training=training)
        return x if self.after is None else self.after(x)


class Block(keras.layers.Layer):
    """One Transformer block.

    Shapes: x (B, T, D); scene; kv: this block's cached keys and values
            -> (B, T, D) and the attention's Attended
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        a, policy = architecture, self.dtype_policy
        self.attention = Attention(a, name="attention", dtype=policy)
        self.attention_norm = Residual(
            a.attention_norm, a.dropout, name="attention_norm", dtype=policy
        )
        self.feedforward = FeedForward(a, name="feedforward", dtype=policy)
        self.feedforward_norm = Residual(
            a.feedforward_norm, a.dropout, name="feedforward_norm", dtype=policy
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (B, T, D)."""
        for layer in (
            self.attention,
            self.attention_norm,
            self.feedforward,
            self.feedforward_norm,
        ):
            layer.build(shape)

    def call(
        self,
        x: Tensor,
        scene: Scene,
        *,
        kv: tuple[Tensor, Tensor] | None = None,
        previous: Tensor | None = None,
        training: bool = False,
    ) -> tuple[Tensor, Attended]:
        """Attend, then feed forward."""
        attended = self.attention(
            self.attention_norm.enter(x), scene, kv=kv, previous=previous, training=training
        )
        x = self.attention_norm(x, attended.output, training=training)
        y = self.feedforward(self.feedforward_norm.enter(x))
        return self.feedforward_norm(x, y, training=training), attended


class Stack(keras.layers.Layer):
    """The blocks in order; blocks that share weights are stored once.

    Shapes: x (B, T, D); kvs: one pair a block, or None -> (B, T, D) and one Attended a block
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        self.stored_as = architecture.block_map
        self.stored = {
            index: Block(architecture, name=str(index), dtype=self.dtype_policy)
            for index in sorted(set(self.stored_as))
        }

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create all stored blocks' weights for inputs (B, T, D)."""
        for block in self.stored.values():
            block.build(shape)

    def call(
        self, x: Tensor, scene: Scene, *, kvs: tuple | None = None, training: bool = False
    ) -> tuple[Tensor, list[Attended]]:
        """Run the blocks; each sees the previous one's scores."""
        seen: list[Attended] = []
        for i, index in enumerate(self.stored_as):
            x, attended = self.stored[index](
                x,
                scene,
                kv=None if kvs is None else kvs[i],
                previous=seen[-1].scores if seen else None,
                training=training,
            )
            seen.append(attended)
        return x, seen
