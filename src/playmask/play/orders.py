"""The mask of an order that somebody wrote: who sees whom, by the library's own masks."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from playmask.errors import InputError
from playmask.model.masks import (
    NEVER,
    ORDERS,
    Mask,
    Ordered,
    SameText,
    Sites,
    Strict,
    Window,
    order_of,
)

PERMUTATION = "permutation"
NAMES = (*ORDERS, PERMUTATION)


class OrderedMask(NamedTuple):
    """An order, its mask, and the line of Python that says so.

    order: an integer each site; grid: bool (T, T), a row for each query
    """

    order: list[int]
    grid: npt.NDArray[np.bool_]
    python: str


def ordered_mask(
    order: str | Sequence[int],
    segments: Sequence[int],
    *,
    texts: Sequence[int] | None = None,
    padding: Sequence[bool] | None = None,
    window: int | None = None,
    strict: bool = False,
) -> OrderedMask:
    """Who sees whom in a text of so many sites as there are segments.

    order: a name, or an integer for each site; texts: the packed text that each site is of, which
    then sees its own alone; padding: what nobody sees; window: only what is nearer than so many
    sites; strict: what is lower alone, as in the query stream of a permutation
    Raises: InputError for rows of different lengths, or a permutation without its ranks
    """
    length = len(segments)
    rows = {"order": order, "texts": texts, "padding": padding}
    for name, row in rows.items():
        if row is not None and not isinstance(row, str) and len(row) != length:
            raise InputError(f"{name} has {len(row)} numbers for {length} sites.")
    ranks = _ranks(order, segments)
    mask, python = _mask(window, strict=strict, packed=texts is not None)
    keys = np.where(np.zeros(length, bool) if padding is None else padding, NEVER, ranks)
    queries = Sites(*map(_row, (ranks, range(length), texts or [0] * length)))
    grid = keras.ops.convert_to_numpy(mask(queries, queries._replace(order=_row(keys))))[0]
    return OrderedMask([int(rank) for rank in ranks], grid, python)


def _ranks(order: str | Sequence[int], segments: Sequence[int]) -> npt.NDArray[Any]:
    if isinstance(order, str):
        ranks: npt.NDArray[Any] = keras.ops.convert_to_numpy(order_of(order, _row(segments)))[0]
        return ranks
    return np.array(order, "int32")


def _mask(window: int | None, *, strict: bool, packed: bool) -> tuple[Mask, str]:
    """A mask, and how it is written in Python."""
    parts: list[Mask] = [Strict() if strict else Ordered()]
    parts += [] if window is None else [Window(window)]
    parts += [SameText()] if packed else []
    mask = parts[0]
    for part in parts[1:]:
        mask &= part
    return mask, " & ".join(map(repr, parts))


def _row(values: Any) -> Any:
    return keras.ops.convert_to_tensor(np.array([values], "int32"))
