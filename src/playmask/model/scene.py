"""What the blocks of one forward pass share, and what an attention layer takes and returns."""

from typing import NamedTuple

from playmask.model.cache import KeysValues
from playmask.model.masks import Sites, Tensor


class Context(NamedTuple):
    """What a text is generated on: vectors (B, E, C), and which of them are there: bool (B, E)."""

    vectors: Tensor
    valid: Tensor


class Scene(NamedTuple):
    """What all blocks of one forward pass share.

    allowed: bool (B, T, S), True = may look; queries, keys: their sites, (B, T) and (B, S);
    at: the cache slot to write at, a scalar, or None; condition: what norms depend on, or None;
    context: what pseudo-self attention looks at besides, or None
    """

    allowed: Tensor
    queries: Sites
    keys: Sites
    at: Tensor | None = None
    condition: Tensor | None = None
    context: Context | None = None


class Attended(NamedTuple):
    """What an attention layer returns.

    output (B, T, D); kv: the cache's keys and values for this layer, or None;
    scores (B, N, T, S): before bias, mask and softmax; weights (B, M, T, S): after everything,
    with those of a context in front; both are None where it is not watched
    """

    output: Tensor
    kv: KeysValues | None
    scores: Tensor | None
    weights: Tensor | None


class AttentionInputs(NamedTuple):
    """What values are weighed by: queries (B, N, T, H) of x (B, T, D), and keys and values."""

    x: Tensor
    q: Tensor | None
    kv: KeysValues
    scene: Scene
    previous: Tensor | None


Weighted = tuple[Tensor, Tensor | None, Tensor | None]  # values (B, T, N·V), scores, weights
