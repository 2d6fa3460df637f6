"""Attention to another text, or to a context."""

from collections.abc import Sequence
from typing import Any

from playmask.model.architecture import Architecture
from playmask.model.attention import Attention
from playmask.model.cache import KeysValues
from playmask.model.masks import Tensor
from playmask.model.parts import (
    Part,
    Projections,
    Separate,
)
from playmask.model.scene import Attended, AttentionInputs, Scene


class CrossAttention(Attention):
    """Attention to another text, or to a context, whose keys and values are computed once.

    Positions take no part in it, except through the bias of parts made for the whole stack.
    memory: how wide its vectors are.
    Shapes:  x (B, T, D); kv: the other text's (B, N, S, H) and (B, N, S, V) -> Attended
    Source:  Vaswani et al. 2017, §3.2.3; reproduces `EncDecAttention` of T5
    """

    def __init__(
        self, architecture: Architecture, once: Sequence[Part] = (), *, memory: int, **options: Any
    ) -> None:
        super().__init__(architecture, once, **options)
        self.memory = memory

    def _projections(self, a: Architecture) -> Projections:
        return Separate()

    def _parts(self, a: Architecture) -> tuple[Part, ...]:
        return a.content

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (B, T, D) that look at a memory."""
        for name in self.projections.keys() & {"key", "value"}:
            self.projections[name].build((*shape[:-1], self.memory))
        super().build(shape)

    def remember(self, memory: Tensor) -> KeysValues:
        """The keys and values of another text's hidden states (B, S, D)."""
        kept = self.keeps()
        sides = {"keys": "key", "values": "value"}
        return {
            name: self.split(self.projections[sides[name]](memory), *size)
            for name, size in kept.items()
        }

    def call(
        self,
        x: Tensor,
        scene: Scene,
        *,
        kv: KeysValues | None = None,
        previous: Tensor | None = None,
        watched: bool = False,
        training: bool = False,
    ) -> Attended:
        """Let every query look at the other text."""
        assert kv is not None
        q = self.projections["query"](x) if "query" in self.projections else None
        q = None if q is None else self.split(q, self.key_heads, self.key_size)
        given = AttentionInputs(x, q, kv, scene, previous)
        y, scores, weights = self._weigh(given, training, watched)
        return Attended(self._out(y), kv, scores, weights)
