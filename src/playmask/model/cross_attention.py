"""Attention to another text, or to a context."""

from collections.abc import Sequence
from typing import Any

from playmask.model.architecture import Architecture
from playmask.model.attention import Attention
from playmask.model.cache import KeysValues
from playmask.model.masks import Tensor
from playmask.model.parts import Part
from playmask.model.parts.projections import Projected
from playmask.model.scene import Attended, AttentionInputs, Scene


class CrossAttention(Attention):
    """Attention to another text, or to a context, whose keys and values are computed once.

    architecture: one without positions (`Architecture.crossing`); parts made for the whole stack
    take part through their bias only. memory: how wide the other text's vectors are.
    Shapes:  x (B, T, D); kv: the other text's (B, N, S, H) and (B, N, S, V) -> Attended
    Source:  Vaswani et al. 2017, §3.2.3; reproduces `EncDecAttention` of T5
    """

    def __init__(
        self, architecture: Architecture, once: Sequence[Part] = (), *, memory: int, **options: Any
    ) -> None:
        super().__init__(architecture, once, **options)
        self.memory = memory

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (B, T, D) that look at a memory."""
        for name in self.projections.keys() & {"key", "value"}:
            self.projections[name].build((*shape[:-1], self.memory))
        super().build(shape)

    def remember(self, memory: Tensor) -> KeysValues:
        """Compute the keys and values of another text's hidden states (B, S, D)."""
        sides = ("key", "value")
        keys, values = (self._projected(side, memory) for side in sides)
        return self.keys_values(Projected(None, keys, values))

    def _projected(self, side: str, x: Tensor) -> Tensor | None:
        return self.projections[side](x) if side in self.projections else None

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
        q = self.queries(self._projected("query", x))
        inputs = AttentionInputs(x, q, kv, scene, previous)
        y, scores, weights = self.weigh(inputs, training, watched)
        return Attended(self.output(y), kv, scores, weights)
