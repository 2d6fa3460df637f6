"""The hooks through which a part takes part in the attention."""

from typing import Any, NamedTuple, Protocol

import keras
from keras import ops

from playmask.errors import ConfigError, brief
from playmask.model.masks import Sites, Tensor


class Host(Protocol):
    """What a part's `make` receives: an attention, or the stack for what is made once.

    width: D; key_heads, heads, value_heads: before the first mixer, at the softmax, after the
    last; cached_heads: those that keys and values are projected to; part_names: of layers so far
    """

    width: int
    key_heads: int
    heads: int
    value_heads: int
    cached_heads: tuple[int, int]
    key_size: int
    value_size: int
    initializer: keras.initializers.Initializer
    part_names: list[str]
    dtype_policy: Any

    def has_bias(self, projection: str) -> bool:
        """Whether a projection of this name has a bias."""
        ...


class Sizes(NamedTuple):
    """The sizes of one attention: heads before the first mixer, at the softmax, after the last.

    cached_heads: those of keys and of values, fewer where queries are grouped
    """

    queries: int
    keys: int
    width: int
    key_heads: int
    heads: int
    value_heads: int
    key_size: int
    value_size: int
    cached_heads: tuple[int, int]


class Look(NamedTuple):
    """What a part can score keys by.

    x (B, T, D): the hidden states that queries are made of; q (B, N, T, H) and k (B, N, S, H),
    where a part uses them (k of fewer heads, where queries are grouped); queries, keys: their
    sites; previous: the previous block's scores, for a part that heeds them
    """

    x: Tensor
    q: Tensor | None
    k: Tensor | None
    queries: Sites
    keys: Sites
    previous: Tensor | None


Condensed = tuple[Tensor | None, Tensor, Any]  # keys and values (B, N, R, …), and their scene


class Part:
    """A piece of the attention: overrides the hooks it needs and ignores the rest.

    In an architecture a part is a frozen recipe. `make` returns the recipe itself where it has no
    weights, and a Keras layer with the same hooks where it has.

    once: it is made once for a whole stack; each block then takes what that one's own `make`
    returns, as a rule itself; limit: how many positions it knows (None = any number); uses: the
    projections that exist for its sake; orders: the orders it can follow (None = any, and a
    cache); distances: it looks at how far a key is; segmented: at sites' segments;
    normalization: what must stand in the softmax's place for it (None = the architecture's);
    heeds: it looks at the previous block's scores.
    Letters: B batch, N heads, T queries, S keys, H key size, V value size, D width.
    """

    once: bool = False
    orders: tuple[str, ...] | None = None
    normalization: str | None = None

    @property
    def limit(self) -> int | None:
        """How many positions it knows; a class may set it, as all of these."""
        return None

    @property
    def uses(self) -> tuple[str, ...]:
        """The projections that exist for its sake."""
        return ("value", "output")

    @property
    def distances(self) -> bool:
        """Whether it looks at how far a key is."""
        return False

    @property
    def segmented(self) -> bool:
        """Whether it looks at segments."""
        return False

    @property
    def heeds(self) -> bool:
        """Whether it looks at the previous block's scores."""
        return False

    def make(self, attention: Host) -> "Part":
        """Return what takes part in this attention layer (its sizes are its attributes)."""
        return self

    def number(self, valid: Tensor) -> Tensor:
        """Number the sites of a text: valid bool (B, T) -> int32 (B, T), or (1, T) for all."""
        return ops.cumsum(ops.ones_like(valid[:1], dtype="int32"), axis=1) - 1

    def table(self, size: int, **options: Any) -> Any:
        """What the embedding adds: a layer, positions (B, T) -> (B, T, size); or None."""
        return None

    def rotate(self, x: Tensor, sites: Sites) -> Tensor:
        """Turn queries, or new keys, by their positions: (B, N, T, H) -> the same."""
        return x

    def condense(self, k: Tensor | None, v: Tensor, scene: Any) -> Condensed:
        """Put fewer keys and values in the place of all: (B, N, S, …) -> (B, N, R, …)."""
        return k, v, scene

    def reach(self, queries: Sites, keys: Sites) -> Tensor | None:
        """Say which keys it can score at all: bool (B, T, S), or None for all of them."""
        return None

    def logits(self, look: Look) -> Tensor | None:
        """Score keys by content; all parts' scores add up.

        -> (B, N, T, S) or what broadcasts to it, in nats; None = nothing to say
        """
        return None

    def bias(self, queries: Sites, keys: Sites) -> Tensor | None:
        """Score keys by place only, after the first mixer -> (B, N, T, S) or None."""
        return None

    def values(self, weights: Tensor, v: Tensor, queries: Sites, keys: Sites) -> Tensor | None:
        """Add to the weighted values: weights (B, N, T, S); v (B, N, S, V) -> (B, N, T, V)."""
        return None

    def products(self, sizes: Sizes) -> int:
        """Count the multiply-adds of the matrix products in its hooks, for one text."""
        return 0

    def slots(self, keys: int) -> int:
        """Count the keys that are left of so many."""
        return keys


class Mixer:
    """Mixes the heads of scores or weights: before the softmax, after it, or both.

    Like a part it is a recipe whose `make` returns a callable (B, N, T, S) -> (B, M, T, S).
    key_heads, value_heads: how many heads queries and keys, and values have (None = all).
    """

    key_heads: int | None = None
    value_heads: int | None = None

    def make(self, attention: Host, place: str) -> Any:
        """Return what mixes at `place`, "before" or "after" the softmax; None = nothing."""
        raise NotImplementedError

    def products(self, sizes: Sizes) -> int:
        """Count the multiply-adds that it takes for one text."""
        return 0


def adds_to_embedding(part: Any) -> bool:
    """Whether a position part has a table whose vectors the embedding adds."""
    return getattr(type(part), "table", Part.table) is not Part.table


def check_counts(recipe: Any, *names: str, least: int = 1, most: int | None = None) -> None:
    """Raise ConfigError where a field is no whole number in a range, nor None by default."""
    for name in names:
        count, default = getattr(recipe, name), getattr(type(recipe), name, least)
        if (count, default) == (None, None):
            continue
        if not isinstance(count, int) or not least <= count <= (most or count):
            due = f"a whole number from {least}"
            if most is not None:
                due = f"a whole number from {least} to {most}"
            raise ConfigError(
                f"{name} of {type(recipe).__name__} must be {due}, not {brief(count)}."
            )


def name_for(attention: Host, kind: str) -> str:
    """A name for a part's layer that no other layer of this attention has."""
    taken = attention.part_names
    taken.append(kind)
    count = taken.count(kind)
    return kind if count == 1 else f"{kind}_{count}"
