"""Masks: who may look at whom. A mask compares integers that stand at each site of a text.

Full, causal, UniLM, multi-turn and permutation masks are one predicate, `key.order <= query.order`;
they differ only in how the order rises along the text.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from keras import ops

from playmask.errors import ConfigError, InputError, nearest
from playmask.model.array_operations import Tensor as Tensor
from playmask.model.recipes import recipe

NEVER = 2**30  # the order of a key that nobody may look at: padding, an empty cache slot

Rises = Callable[[Any], Any]  # segments int32 (B, T) -> where an order rises, int32 (B, T)


class Sites(NamedTuple):
    """Coordinates of tokens, all that a mask or a position part may look at.

    order: who may look (a key is visible to queries of the same or a higher order); position:
    where the token stands, for rotary, NEZHA, T5; text: which packed text it is of; segment:
    which segment, where a part looks at it, else None.
    Shapes: int32 (B, T) each, or (1, T) for all rows

    Example:
        >>> order, zeros = np.array([[0, 0, 1, 2]]), np.zeros((1, 4), "int32")
        >>> sites = Sites(order, position=np.arange(4)[None], text=zeros)
        >>> ops.convert_to_numpy(Ordered()(sites, sites))[0, 1].tolist()  # what site 1 sees
        [True, True, False, False]

    """

    order: Tensor
    position: Tensor
    text: Tensor
    segment: Tensor = None


class Mask:
    """A predicate over pairs of sites; combine masks with `&` and `|`.

    Shapes: queries Sites (B, T); keys Sites (B, S) -> bool (B, T, S), True = may look
    """

    def __call__(self, queries: Sites, keys: Sites) -> Tensor:
        """Which keys each query may look at: bool (B, T, S)."""
        raise NotImplementedError

    def __and__(self, other: "Mask") -> "Mask":
        return Both(self, other)

    def __or__(self, other: "Mask") -> "Mask":
        return Either(self, other)

    def draw(
        self,
        order: str = "lm",
        *,
        segments: Sequence[int] | None = None,
        length: int | None = None,
        positions: Sequence[int] | None = None,
        texts: Sequence[int] | None = None,
    ) -> str:
        """Draw the mask on a toy text, one row per query, ■ = may look, · = may not."""
        grid = self.grid(order, segments=segments, length=length, positions=positions, texts=texts)
        return "\n".join(" ".join("■" if visible else "·" for visible in row) for row in grid)

    def grid(
        self,
        order: str | Rises = "lm",
        *,
        segments: Sequence[int] | None = None,
        length: int | None = None,
        positions: Sequence[int] | None = None,
        texts: Sequence[int] | None = None,
    ) -> npt.NDArray[np.bool_]:
        """Evaluate the mask on one toy text.

        Shapes: segments, positions, texts (T,), each optional -> bool (T, T)
        """
        row_of = next((v for v in (segments, positions, texts) if v is not None), None)
        length = length or (8 if row_of is None else len(row_of))

        def row(values: Sequence[int] | range | None) -> Tensor:
            filled = [0] * length if values is None else list(values)
            if len(filled) != length:
                raise InputError(f"{len(filled)} numbers were given for a text of {length} sites.")
            return ops.convert_to_tensor([filled], dtype="int32")

        segment_row = row(segments)
        position_row = row(range(length) if positions is None else positions)
        ranks = position_row if order == "permutation" else order_of(order, segment_row)
        sites = Sites(ranks, position_row, row(texts))
        grid: npt.NDArray[np.bool_] = ops.convert_to_numpy(self(sites, sites))[0]
        return grid


def _pairs(queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    return ops.expand_dims(queries, 2), ops.expand_dims(keys, 1)


@recipe
class Ordered(Mask):
    """Attention mask by order: a query sees the keys of its own and of lower order.

    The order makes it bidirectional ("full"), causal ("lm"), a prefix mask ("unilm"), multi-turn
    ("turns"), or that of a permutation; padding and empty slots have the highest order of all.
    Shapes: queries Sites (B, T); keys Sites (B, S) -> bool (B, T, S)
    Source: Dong et al. 2019 (UniLM); Yang et al. 2019 (XLNet), eq. 3 (permutation)

    Example:
        >>> print(Ordered().draw("unilm", segments=[0, 0, 1, 1]))
        ■ ■ · ·
        ■ ■ · ·
        ■ ■ ■ ·
        ■ ■ ■ ■

    """

    def __call__(self, queries: Sites, keys: Sites) -> Tensor:
        query, key = _pairs(queries.order, keys.order)
        return key <= query


@recipe
class Strict(Mask):
    """Strict order mask: a query sees the keys of lower order only, so not its own token.

    Shapes: queries Sites (B, T); keys Sites (B, S) -> bool (B, T, S)
    Source: Yang et al. 2019 (XLNet), eq. 4 (the query stream)

    Example:
        >>> print(Strict().draw("lm", length=3))
        · · ·
        ■ · ·
        ■ ■ ·

    """

    def __call__(self, queries: Sites, keys: Sites) -> Tensor:
        query, key = _pairs(queries.order, keys.order)
        return key < query


@recipe
class Window(Mask):
    """Sliding-window (local) attention: a query sees positions less than `width` away.

    It reaches to both sides; with a causal order, `Ordered() & Window(width)` looks back only.
    Shapes: queries Sites (B, T); keys Sites (B, S) -> bool (B, T, S)
    Units:  width in tokens, the query's own included: it sees 2·width - 1 at most
    Source: Beltagy et al. 2020 (Longformer), §3.1

    Example:
        >>> print((Ordered() & Window(2)).draw("lm", length=4))
        ■ · · ·
        ■ ■ · ·
        · ■ ■ ·
        · · ■ ■

    """

    width: int

    def __call__(self, queries: Sites, keys: Sites) -> Tensor:
        query, key = _pairs(queries.position, keys.position)
        return ops.logical_and(ops.abs(query - key) < self.width, _present(keys))


@recipe
class SameText(Mask):
    """Block-diagonal mask of packed sequences: a query sees its own text only.

    Shapes: queries Sites (B, T); keys Sites (B, S) -> bool (B, T, S)

    Example:
        >>> print((Ordered() & SameText()).draw("full", texts=[0, 0, 1, 1]))
        ■ ■ · ·
        ■ ■ · ·
        · · ■ ■
        · · ■ ■

    """

    def __call__(self, queries: Sites, keys: Sites) -> Tensor:
        query, key = _pairs(queries.text, keys.text)
        return ops.logical_and(query == key, _present(keys))


@recipe
class Both(Mask):
    """Intersection of two masks, written `a & b`: what both allow.

    Shapes: queries Sites (B, T); keys Sites (B, S) -> bool (B, T, S)

    Example:
        >>> Both(Ordered(), Window(2)) == Ordered() & Window(2)
        True
        >>> (Ordered() & Window(2)).grid("lm", length=3).tolist()
        [[True, False, False], [True, True, False], [False, True, True]]

    """

    first: Mask
    second: Mask

    def __call__(self, queries: Sites, keys: Sites) -> Tensor:
        return ops.logical_and(self.first(queries, keys), self.second(queries, keys))


@recipe
class Either(Mask):
    """Union of two masks, written `a | b`: what either allows.

    Shapes: queries Sites (B, T); keys Sites (B, S) -> bool (B, T, S)

    Example:
        >>> Either(Ordered(), Window(2)) == Ordered() | Window(2)
        True
        >>> (Ordered() | Window(2)).grid("lm", length=3).tolist()  # one token ahead
        [[True, True, False], [True, True, True], [True, True, True]]

    """

    first: Mask
    second: Mask

    def __call__(self, queries: Sites, keys: Sites) -> Tensor:
        return ops.logical_or(self.first(queries, keys), self.second(queries, keys))


_CUSTOM: dict[str, Callable[[Sites, Sites], Tensor]] = {}


@recipe
class Custom(Mask):
    """Mask by the name of a predicate that `register_mask` registered, so that it can be saved.

    Padding and empty cache slots stay invisible, whatever the predicate says.
    Shapes: queries Sites (B, T); keys Sites (B, S) -> bool (B, T, S)
    Raises: ConfigError when it is called and no predicate has the name

    Example:
        >>> mask = register_mask("alternate", lambda _, keys: keys.position[:, None] % 2 == 0)
        >>> mask == Custom("alternate"), mask.grid("lm", length=4)[0].tolist()
        (True, [True, False, True, False])

    """

    name: str

    def __call__(self, queries: Sites, keys: Sites) -> Tensor:
        if self.name not in _CUSTOM:
            raise ConfigError(
                f"No mask is registered as {self.name!r}; call playmask.register_mask "
                f"before building or loading the model.{nearest(self.name, _CUSTOM)}"
            )
        return ops.logical_and(_CUSTOM[self.name](queries, keys), _present(keys))


def register_mask(name: str, predicate: Callable[[Sites, Sites], Tensor]) -> Custom:
    """Register a predicate as a mask of one's own, and return the mask.

    The name is what a saved model holds: register it before such a model is loaded.
    Shapes: predicate: queries Sites (B, T), keys Sites (B, S) -> bool (B or 1, T or 1, S)

    Example:
        >>> first = register_mask("first", lambda queries, keys: keys.position[:, None] < 1)
        >>> print((first | Window(1)).draw("full", length=3))  # itself, and the first token
        ■ · ·
        ■ ■ ·
        ■ · ■

    """
    _CUSTOM[name] = predicate
    return Custom(name)


def _present(keys: Sites) -> Tensor:
    """Which keys exist at all: bool (B, 1, S)."""
    return ops.expand_dims(keys.order < NEVER, 1)


def _rises_at_turns(segments: Tensor) -> Tensor:
    """Rise at each target token and at the start of each later source block."""
    before = ops.pad(segments[:, :-1], [[0, 0], [1, 0]])
    return ops.cast(ops.logical_or(segments > 0, before > 0), "int32")


ORDERS: dict[str, Rises] = {
    "full": ops.zeros_like,
    "lm": ops.ones_like,
    "unilm": lambda segments: segments,
    "turns": _rises_at_turns,
}
"""Where an order rises: segments int32 (B, T) -> non-negative int32 (B, T).

"permutation" has no rule: the ranks are given with each input, as `order`.
"""


def register_order(name: str, rises: Rises) -> str:
    """Register an order of one's own, for `mask=name`, by the rule saying where it rises.

    The name is what a saved model holds: register it before such a model is loaded.
    Shapes: rises: segments int32 (B, T) -> non-negative int32 (B, T); its sums are the order

    Example:
        >>> pairs = register_order("pairs", lambda s: (ops.cumsum(ops.ones_like(s), 1) - 1) % 2)
        >>> print(Ordered().draw(pairs, length=4))
        ■ · · ·
        ■ ■ ■ ·
        ■ ■ ■ ·
        ■ ■ ■ ■

    """
    ORDERS[name] = rises
    return name


def order_of(order: str | Rises, segments: Tensor, last: Tensor | None = None) -> Tensor:
    """Number the sites of a text so that `Ordered` gives the mask that the order is named after.

    A text begins at 0. After a cached text it rises at once from `last`, so a text may only be
    cut where its order rises (anywhere for "lm", at target tokens and new turns otherwise).

    Shapes: segments int32 (B, T); last int32 (B, 1) or None -> int32 (B, T)
    Raises: ConfigError for an unknown order; InputError for "permutation", which is given as ranks
    """
    if callable(order):
        rises = order
    elif order == "permutation":
        raise InputError("The order 'permutation' needs its ranks: pass them as inputs['order'].")
    elif order in ORDERS:
        rises = ORDERS[order]
    else:
        raise ConfigError(f"There is no order {order!r}.{nearest(str(order), ORDERS)}")
    steps = rises(segments)
    if last is None:
        return ops.cumsum(steps, axis=1) - steps[:, :1]
    first = ops.maximum(steps[:, :1], 1)
    return last + ops.cumsum(ops.concatenate([first, steps[:, 1:]], axis=1), axis=1)
