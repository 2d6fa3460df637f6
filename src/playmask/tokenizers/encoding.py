"""The result of encoding: ids for the model, each with its place in the user's text."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import tokenizers

Span = tuple[int, int]
WHOLE = (slice(None),)


class Frame(NamedTuple):
    """The ids of the special tokens: head text middle, or head text middle pair tail."""

    head: tuple[int, ...] = ()
    middle: tuple[int, ...] = ()
    tail: tuple[int, ...] = ()

    def size(self, parts: int) -> int:
        """Count the special tokens around one text or a pair."""
        return len(self.head) + len(self.middle) + (len(self.tail) if parts > 1 else 0)


class Pieces:
    """One tokenised text, not yet cut; its offsets are read when first asked for."""

    def __init__(self, raw: tokenizers.Encoding) -> None:
        self._raw = raw
        self.ids: list[int] = raw.ids

    @cached_property
    def offsets(self) -> list[Span]:
        return self._raw.offsets


class Part(NamedTuple):
    """What is kept of a tokenised text: the slices, one after the other."""

    pieces: Pieces
    slices: tuple[slice, ...] = WHOLE

    def take(self, values: list) -> list:
        """Pick the kept entries of one list that runs along the tokens."""
        first, *rest = self.slices
        kept = values[first]
        for part in rest:
            kept += values[part]
        return kept


class Encoding:
    """One row for the model, with the place of every token in the user's text.

    All four fields are plain lists of the same length T, so that `len`, JSON and slices work and
    `numpy.asarray` gives (T,) or (T, 2). Offsets cost more than ids; they are made on first use.

    ids:      the rows of the embedding
    segments: 0 up to the first closing token, 1 for the pair
    offsets:  half-open character spans (Python string indices) of the original text or pair;
              (0, 0) for special tokens. An [UNK] covers its word; pieces of one character (a
              Hangul syllable) share its span; what the normaliser drops after a token, such as
              combining accents, lies outside
    sources:  -1 special, 0 text, 1 pair
    """

    ids: list[int]

    def __init__(self, parts: Sequence[Part], frame: Frame) -> None:
        self._parts = parts
        self._frame = frame
        self.ids = self._framed([part.take(part.pieces.ids) for part in parts], *frame)

    @cached_property
    def segments(self) -> list[int]:
        return [0] * self._first + [1] * (len(self.ids) - self._first)

    @cached_property
    def offsets(self) -> list[Span]:
        special = ([(0, 0)] * len(ids) for ids in self._frame)
        return self._framed([part.take(part.pieces.offsets) for part in self._parts], *special)

    @cached_property
    def sources(self) -> list[int]:
        kept = [[source] * size for source, size in enumerate(self._sizes)]
        return self._framed(kept, *([-1] * len(ids) for ids in self._frame))

    @property
    def _sizes(self) -> list[int]:
        return [len(part.take(part.pieces.ids)) for part in self._parts]

    @property
    def _first(self) -> int:
        return self._sizes[0] + self._frame.size(1)

    @staticmethod
    def _framed(kept: list[list], head: Sequence, middle: Sequence, tail: Sequence) -> list:
        if len(kept) == 1:
            return [*head, *kept[0], *middle]
        return [*head, *kept[0], *middle, *kept[1], *tail]

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Encoding):
            return NotImplemented
        fields = ("ids", "segments", "offsets", "sources")
        return all(getattr(self, name) == getattr(other, name) for name in fields)

    def __repr__(self) -> str:
        return f"Encoding(ids={self.ids}, segments={self.segments}, offsets={self.offsets})"
