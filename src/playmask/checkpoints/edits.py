"""How a tensor of one shape becomes a weight of another, by what was asked for."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from playmask.checkpoints.resize import VOCABULARY, Rows, resize_weight
from playmask.families.names import BLOCK
from playmask.model.architecture import Architecture
from playmask.model.parts import Dot, Gated
from playmask.model.parts.projections import widths

POSITIONS = "embeddings/positions/embeddings"

Edit = Callable[[np.ndarray], np.ndarray]
Pieces = tuple[Sequence[int], Sequence[int]]
"""The sizes, before and after, of layers that are one weight."""


class Changes(NamedTuple):
    """What was asked for: architectures before and after, rows, resizing, blocks that stay."""

    stored: Architecture
    changed: Architecture
    rows: Rows
    resize: bool
    blocks: Sequence[int] | None = None

    @property
    def key_ratio(self) -> float:
        """By how much queries and keys grow, where their products are divided by their size."""
        scaled = any(part.scale for part in self.stored.content if isinstance(part, Dot))
        return self.changed.key_size_ / self.stored.key_size_ if scaled else 1.0


def edit_for(
    ours: str, read: tuple[int, ...], shape: tuple[int, ...], changes: Changes
) -> tuple[Edit | None, str] | None:
    """How a tensor of one shape becomes a weight of another, and a note; None where it does not."""
    rows = changes.rows
    if ours in VOCABULARY and rows.change_anything:
        axis = VOCABULARY[ours]
        return partial(rows.take, axis=axis), f"{rows.size} rows of {read[axis]}"
    if read == shape:
        return None, ""
    if ours == POSITIONS and shape[0] < read[0] and shape[1] == read[1]:
        return _first(shape[0]), f"the first of {read[0]} rows"
    pieces = _pieces(ours, changes.stored, changes.changed)
    if (
        pieces
        and read[:-1] == shape[:-1]
        and all(b in (0, a) for a, b in zip(*pieces, strict=True))
    ):
        return partial(_without, pieces=pieces), f"without what no part uses, of {read}"
    if changes.resize:
        ratio = changes.key_ratio
        edit = partial(resize_weight, ours, shape=shape, key_ratio=ratio, pieces=pieces)
        return edit, f"resized from {read}"
    return None


def _first(rows: int) -> Edit:
    return lambda table: table[:rows]


def _pieces(ours: str, stored: Architecture, changed: Architecture) -> Pieces | None:
    """The sizes, before and after, of layers that are one weight: those of a gated unit."""
    block = BLOCK.match(ours)
    if block is None or "/attention/inputs/" not in ours:
        return None

    def sizes(a: Architecture) -> Sequence[int]:
        heads = (a.heads_[0], *a.cached_heads)
        return Gated.pieces(widths(heads, a.key_size_, a.value_size_), a.at(number).uses)

    number = int(block[1])
    return sizes(stored), sizes(changed)


def _without(array: np.ndarray, pieces: Pieces) -> np.ndarray:
    """Keep the pieces of the last axis that are still there."""
    old, new = pieces
    parts = np.split(array, np.cumsum(old)[:-1], axis=-1)
    return np.concatenate([part for part, size in zip(parts, new, strict=True) if size], axis=-1)
