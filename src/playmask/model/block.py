"""A block: attention and feed-forward, each with norms around it and a residual over it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras

from playmask.model.architecture import Architecture, Decoder
from playmask.model.attention import Attention
from playmask.model.cache import CacheSizes, KeysValues
from playmask.model.cross_attention import CrossAttention
from playmask.model.dropout import Dropout
from playmask.model.feedforward import FeedForward
from playmask.model.masks import Tensor
from playmask.model.norms import Around, Condition, normalize
from playmask.model.parts import ContextAttention, Part
from playmask.model.recomputed import recomputed
from playmask.model.scene import Attended, Scene


class Residual(keras.layers.Layer):
    """The norms and the dropout around one sub-layer: y = after(x + dropout(f(before(x)))).

    Shapes: x, y (B, T, D) -> (B, T, D)
    """

    def __init__(
        self, around: Around, dropout: float, condition: Condition | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.before = normalize(around.before, "before", self.dtype_policy, condition)
        self.after = normalize(around.after, "after", self.dtype_policy, condition)
        self.dropout = Dropout(dropout, dtype=self.dtype_policy)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the norms' weights for inputs (B, T, D)."""
        for norm in (self.before, self.after):
            if norm is not None:
                norm.build(shape)

    def enter(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What the sub-layer gets."""
        return x if self.before is None else self.before(x, condition)

    def call(
        self, x: Tensor, y: Tensor, condition: Tensor | None = None, *, training: bool = False
    ) -> Tensor:
        """Add the sub-layer's output y to its input x."""
        x = x + self.dropout(y, training=training)
        return x if self.after is None else self.after(x, condition)


class Block(keras.layers.Layer):
    """One Transformer block: attention, perhaps attention to something else, feed-forward.

    across: a decoder, whose blocks look at the encoder's output, or the context they look at.
    Shapes: x (B, T, D); scene; kv: this block's cached keys and values; memory: the keys and
            values of what else it looks at, with their scene -> (B, T, D) and Attended
    """

    def __init__(
        self,
        architecture: Architecture,
        once: Sequence[Part] = (),
        across: Decoder | ContextAttention | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        a, policy = architecture, self.dtype_policy
        assert isinstance(a.attention_norm, Around) and isinstance(a.feedforward_norm, Around)

        def residual(name: str, around: Around) -> Residual:
            return Residual(around, a.dropout, a.condition, name=name, dtype=policy)

        self.attention = Attention(a, once, name="attention", dtype=policy)
        self.attention_norm = residual("attention_norm", a.attention_norm)
        self.cross: CrossAttention | None = None
        self.cross_norm: Residual | None = None
        if across is not None:
            self.cross = CrossAttention(
                a.crossing(across),
                once if across.cross_position else (),
                memory=across.size if isinstance(across, ContextAttention) else a.width,
                name="cross",
                dtype=policy,
            )
            self.cross_norm = residual("cross_norm", a.attention_norm)
        self.feedforward: FeedForward | None = None
        self.feedforward_norm: Residual | None = None
        if a.feedforward:
            self.feedforward = FeedForward(a, name="feedforward", dtype=policy)
            self.feedforward_norm = residual("feedforward_norm", a.feedforward_norm)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (B, T, D)."""
        for layer in (
            self.attention,
            self.attention_norm,
            self.cross,
            self.cross_norm,
            self.feedforward,
            self.feedforward_norm,
        ):
            if layer is not None:
                layer.build(shape)

    def call(
        self,
        x: Tensor,
        scene: Scene,
        *,
        kv: KeysValues | None = None,
        previous: Tensor | None = None,
        memory: tuple[Scene, KeysValues] | None = None,
        watched: bool = False,
        training: bool = False,
    ) -> tuple[Tensor, Attended]:
        """Attend, then feed forward."""
        c = scene.condition
        attended = self.attention(
            self.attention_norm.enter(x, c),
            scene,
            kv=kv,
            previous=previous,
            watched=watched,
            training=training,
        )
        x = self.attention_norm(x, attended.output, c, training=training)
        if self.cross is not None and self.cross_norm is not None:
            assert memory is not None
            there, remembered = memory
            crossed = self.cross(
                self.cross_norm.enter(x, c), there, kv=remembered, training=training
            )
            x = self.cross_norm(x, crossed.output, c, training=training)
        if self.feedforward is None or self.feedforward_norm is None:
            return x, attended
        y = self.feedforward(self.feedforward_norm.enter(x, c))
        return self.feedforward_norm(x, y, c, training=training), attended


Between = Callable[[int, Tensor, Sequence[Scene]], tuple[Tensor, Sequence[Scene]]]


class Record:
    """The hidden states of a stack's last pass: the embedding, then what each block made of it."""

    states: tuple[Tensor, ...] = ()


class Stack(keras.layers.Layer):
    """The blocks in order, then the final norm; blocks that share weights are stored once.

    Shapes: x (B, T, D); scenes: one a block; kvs: one dict a block, or None; memory: the scene of
            the encoder's sites, or the context's, and one dict a block -> (B, T, D), one Attended
            a block, and what the decoder reads of an encoder, (B, T, D)
    between: what becomes of hidden states after so many blocks, and who looks at whom from there on
    """

    between: Between | None = None
    rematerialized = False  # whether training computes blocks anew in the backward pass

    def __init__(
        self, architecture: Architecture, decoder: Decoder | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        a, policy = architecture, self.dtype_policy
        self.width, self.has_bias, self._initializer = a.width, a.has_bias, a.initializer
        self.key_heads, self.heads, self.value_heads = a.heads_
        self.cached_heads = a.cached_heads
        self.key_size, self.value_size = a.key_size_, a.value_size_
        self.part_names: list[str] = []
        shared = {part: part.make(self) for part in a.parts if part.once}
        self.once = list(shared.values())
        self.stored_as = a.block_map
        across = a.context if isinstance(a.context, ContextAttention) else decoder
        self.stored = {}
        for index in sorted(set(self.stored_as)):
            own = a.at(index)
            once = [shared[part] for part in own.parts if part.once]
            self.stored[index] = Block(own, once, across, name=str(index), dtype=policy)
        self.heeds = any(part.heeds for part in a.content)
        self.record: Record | None = None  # where somebody wants to know all hidden states
        self.substitute: Any = None  # what runs in the place of each block in training
        self.read_after = None if a.decoder is None else a.decoder.memory
        self.norm = normalize(a.final_norm, "norm", policy, a.condition)
        self.dropout = Dropout(a.dropout if a.final_dropout else 0.0, dtype=policy)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create all stored blocks' weights for inputs (B, T, D)."""
        for layer in (*self.once, *self.stored.values(), self.norm):
            if isinstance(layer, keras.layers.Layer):
                layer.build(shape)

    @property
    def initializer(self) -> keras.initializers.Initializer:
        """What draws fresh weights of parts that are made once."""
        return self._initializer()

    def cache_sizes(self) -> list[CacheSizes]:
        """What a cache keeps of each site for each block, as (heads, size)."""
        return [self.stored[index].attention.cache_sizes() for index in self.stored_as]

    def remember(self, memory: Tensor) -> tuple[KeysValues, ...]:
        """The encoder's output (B, S, D), or a context, as each block's keys and values."""
        crosses = (self.stored[index].cross for index in self.stored_as)
        return tuple(cross.remember(memory) for cross in crosses if cross is not None)

    def call(
        self,
        x: Tensor,
        scenes: Sequence[Scene],
        *,
        kvs: tuple[KeysValues, ...] | None = None,
        memory: tuple[Scene, tuple[KeysValues, ...]] | None = None,
        watched: bool = False,
        training: bool = False,
    ) -> tuple[Tensor, list[Attended], Tensor]:
        """Run the blocks; each sees the previous one's scores, where a part heeds them."""
        watched = watched or self.heeds
        attended: list[Attended] = []
        states = [x]
        read = None
        for i, index in enumerate(self.stored_as):
            x, scenes = (x, scenes) if self.between is None else self.between(i, x, scenes)
            run: Any = self.stored[index]
            if training and self.rematerialized:
                run = partial(recomputed, run)
            if training and self.substitute is not None:
                run = partial(self.substitute, i, block=run)
            x, one = run(
                x,
                scenes[i],
                kv=None if kvs is None else kvs[i],
                previous=attended[-1].scores if attended else None,
                memory=None if memory is None else (memory[0], memory[1][i]),
                watched=watched,
                training=training,
            )
            attended.append(one)
            states.append(x)
            read = x if self.read_after == i + 1 else read
        if self.record is not None:
            self.record.states = tuple(states)
        if self.between is not None:
            x, scenes = self.between(len(attended), x, scenes)
        if self.norm is not None:
            x = self.norm(x, scenes[0].condition)
        x = self.dropout(x, training=training)
        return x, attended, x if read is None else read
