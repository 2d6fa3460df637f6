"""The result of encoding: ids for the model, each with its place in the user's text."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

Span = tuple[int, int]
WHOLE = (slice(None),)


class Frame(NamedTuple):
    """The ids of the special tokens: head text end, or head text between pair end.

    second: the segment of the pair
    """

    head: tuple[int, ...] = ()
    between: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    second: int = 1

    def size(self, parts: int) -> int:
        """Count the special tokens around one text or a pair."""
        return len(self.head) + (len(self.between) if parts > 1 else 0) + len(self.end)


class Pieces:
    """One tokenised text, not yet cut; its offsets are found when first asked for."""

    def __init__(self, ids: list[int], find: Callable[[], list[Span]]) -> None:
        self.ids = ids
        self._find = find

    @cached_property
    def offsets(self) -> list[Span]:
        return self._find()

    def __reduce__(self) -> tuple:
        return _found, (self.ids, self.offsets)


def _found(ids: list[int], offsets: list[Span]) -> Pieces:
    return Pieces(ids, lambda: offsets)


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
    segments: 0 up to the last token before the pair, 1 for the pair (0 where a frame says so)
    offsets:  half-open character spans (Python string indices) of the original text or pair;
              (0, 0) for special tokens. An [UNK] covers its word; pieces of one character (a
              Hangul syllable, the bytes of an emoji) share its span; what the normaliser drops
              after a token, such as combining accents, lies outside. Spaces belong to no word:
              only a token of nothing but space covers it, and a space that the tokenizer put
              before the text covers nothing
    sources:  -1 special, 0 text, 1 pair
    """

    ids: list[int]

    def __init__(self, parts: Sequence[Part], frame: Frame) -> None:
        self._parts = parts
        self._frame = frame
        self.ids = self._framed([part.take(part.pieces.ids) for part in parts], *frame[:3])

    @cached_property
    def segments(self) -> list[int]:
        return [0] * self._first + [self._frame.second] * (len(self.ids) - self._first)

    @cached_property
    def offsets(self) -> list[Span]:
        special = ([(0, 0)] * len(ids) for ids in self._frame[:3])
        return self._framed([part.take(part.pieces.offsets) for part in self._parts], *special)

    @cached_property
    def sources(self) -> list[int]:
        kept = [[source] * size for source, size in enumerate(self._sizes)]
        return self._framed(kept, *([-1] * len(ids) for ids in self._frame[:3]))

    @property
    def _sizes(self) -> list[int]:
        return [len(part.take(part.pieces.ids)) for part in self._parts]

    @property
    def _first(self) -> int:
        if len(self._parts) == 1:
            return len(self.ids)
        return len(self._frame.head) + self._sizes[0] + len(self._frame.between)

    @staticmethod
    def _framed(kept: list[list], head: Sequence, between: Sequence, end: Sequence) -> list:
        if len(kept) == 1:
            return [*head, *kept[0], *end]
        return [*head, *kept[0], *between, *kept[1], *end]

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Encoding):
            return NotImplemented
        fields = ("ids", "segments", "offsets", "sources")
        return all(getattr(self, name) == getattr(other, name) for name in fields)

    def __repr__(self) -> str:
        return f"Encoding(ids={self.ids}, segments={self.segments}, offsets={self.offsets})"
