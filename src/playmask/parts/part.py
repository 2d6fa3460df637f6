"""The hooks through which a part takes part in the attention."""

from typing import Any

from keras import ops

from playmask.masks import Sites, Tensor


class Part:
    """A piece of the attention: overrides the hooks it needs and ignores the rest.

    In an architecture a part is a frozen recipe. `make` returns the recipe itself where it has no
    weights, and a Keras layer with the same hooks where it has.

    once: it is made once for a whole stack, whose blocks share it; limit: how many positions it
    knows (None = any number).
    Letters: B batch, N heads, T queries, S keys, H key size, V value size, D width.
    """

    once = False
    limit: int | None = None

    def make(self, attention: Any) -> "Part":
        """Return what takes part in this attention layer (its sizes are its attributes)."""
        return self

    def number(self, valid: Tensor) -> Tensor:
        """Number the sites of a text: valid bool (B, T) -> int32 (B, T), or (1, T) for all."""
        return ops.cumsum(ops.ones_like(valid[:1], dtype="int32"), axis=1) - 1

    def table(self, size: int, **options: Any) -> Any:
        """What the embedding adds: a layer, positions (B, T) -> (B, T, size); or None."""
        return None

    def rotate(self, q: Tensor, k: Tensor, queries: Sites) -> tuple[Tensor, Tensor]:
        """Turn queries and new keys by their positions: (B, N, T, H) twice -> the same."""
        return q, k

    def logits(
        self, x: Tensor, q: Tensor, k: Tensor, queries: Sites, keys: Sites, previous: Tensor | None
    ) -> Tensor | None:
        """Score keys by content; all parts' scores add up.

        x (B, T, D); q (B, N, T, H); k (B, N, S, H); previous: the previous block's scores
        -> (B, N, T, S) or what broadcasts to it, in nats; None = nothing to say
        """
        return None

    def bias(self, queries: Sites, keys: Sites) -> Tensor | None:
        """Score keys by place only, after the first mixer -> (B, N, T, S) or None."""
        return None

    def values(self, weights: Tensor, v: Tensor, queries: Sites, keys: Sites) -> Tensor | None:
        """Add to the weighted values: weights (B, N, T, S); v (B, N, S, V) -> (B, N, T, V)."""
        return None


class Mixer:
    """Mixes the heads of scores or weights: before the softmax, after it, or both.

    Like a part it is a recipe whose `make` returns a callable (B, N, T, S) -> (B, M, T, S).
    """

    def make(self, attention: Any, place: str) -> Any:
        """Return what mixes at `place`, "before" or "after" the softmax; None = nothing."""
        raise NotImplementedError
