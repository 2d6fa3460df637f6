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
    """What values are weighed by.

    x (B, T, D): what queries are made of; q (B, N, T, H), or None; kv: keys (B, G, S, H) where
    there are any, and values (B, G, S, V), of the heads that a cache holds; scene: who may look
    where; previous: the previous block's scores (B, N, T, S), or None
    """

    x: Tensor
    q: Tensor | None
    kv: KeysValues
    scene: Scene
    previous: Tensor | None


class Weighted(NamedTuple):
    """Values weighed.

    values (B, T, N·V): all heads joined; scores, weights: as in `Attended`, None if not watched
    """

    values: Tensor
    scores: Tensor | None = None
    weights: Tensor | None = None
