"""Edits of weights while they load: selected rows, compound tokens, other sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from playmask.errors import ConfigError
from playmask.families.names import OUTPUT, TOKENS

VOCABULARY = {TOKENS: 0, "mlm/bias": 0, OUTPUT: 1}
"""Our weights with one row per token, and the axis of those rows."""

Compound = Sequence[int] | tuple[Sequence[int], Sequence[float]]
Compounds = Sequence[Compound] | Mapping[str, Compound]


@dataclass(frozen=True)
class Rows:
    """Which rows of the vocabulary are kept, and which new ones are means of them.

    keep: old ids in new order, or None for all; compound: for each new token (or each name of
    one) the new ids it stands for, or (ids, weights). Source: bert4keras' keep_tokens and
    compound_tokens
    """

    vocabulary: int
    keep: Sequence[int] | None = None
    compound: Compounds | None = None

    def __post_init__(self) -> None:
        if self.keep is not None:
            ids = np.asarray(self.keep)
            if ids.ndim != 1 or not len(ids) or ids.min() < 0 or ids.max() >= self.vocabulary:
                raise ConfigError(
                    f"keep_tokens must be a list of ids from 0 to {self.vocabulary - 1}, one per "
                    f"token to keep; received {len(ids)} ids, {ids.min(initial=0)} to "
                    f"{ids.max(initial=0)}."
                )

        for item in self.compounds:
            if not self._is_compound(item):
                raise ConfigError(
                    f"compound_tokens must list ids from 0 to {self.old_rows - 1} (after "
                    f"keep_tokens), or (ids, weights), for each new token; received {item!r:.80}."
                )

    def _is_compound(self, item: object) -> bool:
        """Tell whether something is a list of ids that stay, or ids and as many weights."""
        try:
            ids, weights = _split(item)  # type: ignore[arg-type]
            numbers = np.asarray(ids)
            shape = numbers.shape if weights is None else np.asarray(weights, "float64").shape
        except (TypeError, ValueError, IndexError):
            return False
        if numbers.ndim != 1 or not len(numbers) or numbers.dtype.kind not in "iu":
            return False
        return shape == numbers.shape and numbers.min() >= 0 and numbers.max() < self.old_rows

    @property
    def compounds(self) -> list[Compound]:
        """What each new token is a mean of."""
        compound = self.compound if self.compound is not None else ()
        return [*(compound.values() if isinstance(compound, Mapping) else compound)]

    @property
    def names(self) -> list[str]:
        """The texts of the new tokens, empty where they have none."""
        return [*self.compound] if isinstance(self.compound, Mapping) else []

    @property
    def parts(self) -> list[np.ndarray]:
        """The ids that each new token stands for."""
        return [np.asarray(_split(item)[0]) for item in self.compounds]

    @property
    def change_anything(self) -> bool:
        """Whether the vocabulary does not stay as it is."""
        return self.keep is not None or bool(self.compounds)

    @property
    def old_rows(self) -> int:
        """How many rows of the stored vocabulary stay."""
        return self.vocabulary if self.keep is None else len(self.keep)

    @property
    def size(self) -> int:
        """The vocabulary's new size."""
        return self.old_rows + len(self.compounds)

    def take(self, table: np.ndarray, axis: int = 0) -> np.ndarray:
        """Take the rows along an axis: (vocabulary, …) -> (size, …)."""
        if axis:
            return np.moveaxis(self.take(np.moveaxis(table, axis, 0)), 0, axis)
        rows = table if self.keep is None else table[np.asarray(self.keep)]
        if not self.compounds:
            return rows
        new = [_mean(rows, item) for item in self.compounds]
        return np.concatenate([rows, np.stack(new).astype(table.dtype)])

    def pad(self, pad: int | None) -> int | None:
        """Where the padding id went; None where it was dropped."""
        if pad is None or self.keep is None:
            return pad
        ids = list(self.keep)
        return ids.index(pad) if pad in ids else None


def _split(item: Compound) -> tuple[Sequence[int], Sequence[float] | None]:
    """The ids and the weights of a compound token."""
    if isinstance(item[0], Sequence | np.ndarray):
        ids, weights = item
        return ids, weights  # type: ignore[return-value]
    return item, None  # type: ignore[return-value]


def _mean(table: np.ndarray, item: Compound) -> np.ndarray:
    ids, weights = _split(item)
    return np.average(np.asarray(table[np.asarray(ids)], "float32"), axis=0, weights=weights)


def resize(array: np.ndarray, shape: Sequence[int], window: int = 2) -> np.ndarray:
    """Resize an array to another shape by repeated or cut rows, keeping its norm.

    A longer axis repeats its rows in groups of `window` (so that rotary's pairs stay together);
    a shorter one is cut. Rows that were orthogonal stay so, up to the cut.
    Source: bert4keras' autoresize_weights
    """
    resized: np.ndarray = np.asarray(array, "float32")
    for axis, (old, new) in enumerate(zip(array.shape, shape, strict=True)):
        if new > old:
            group = window if old % window == 0 else 1
            groups = np.arange(old).reshape(-1, 1, group)
            index = np.repeat(groups, -(-new // old), axis=1).reshape(-1)
            resized = np.take(resized, index, axis=axis)
        resized = np.take(resized, np.arange(new), axis=axis)
    norm = np.linalg.norm(resized)
    scale = np.linalg.norm(np.asarray(array, "float32")) / norm if norm else 1.0
    return (resized * scale).astype(array.dtype)


def resize_weight(
    ours: str,
    array: np.ndarray,
    shape: Sequence[int],
    key_ratio: float,
    pieces: tuple[Sequence[int], Sequence[int]] | None = None,
) -> np.ndarray:
    """Resize one of our weights; queries and keys keep the size of their scores.

    The scores are divided by the root of the key size, so each side grows by its fourth root.
    pieces: the old and new sizes of the parts of the last axis that are layers of their own
    """
    if pieces is not None:
        old, new = pieces
        parts = np.split(array, np.cumsum(old)[:-1], axis=-1)
        fitted = [resize(p, (*shape[:-1], n)) for p, n in zip(parts, new, strict=True)]
        return np.concatenate(fitted, axis=-1)
    resized = resize(array, shape)
    place = ours.split("/")
    if {"attention", "cross"} & {*place} and {"query", "key"} & {*place}:
        resized = (resized * key_ratio**0.25).astype(array.dtype)
    return resized
