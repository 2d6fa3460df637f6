"""Encodings: token ids, segments and character offsets of a text or a pair."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, Never, TypeVar

from playmask.errors import ConfigError
from playmask.habits import hint

Span = tuple[int, int]
WHOLE = (slice(None),)
T = TypeVar("T")


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


class TokenizedText:
    """The token ids of one text, before truncation; offsets are computed on first use."""

    def __init__(self, ids: list[int], find: Callable[[], list[Span]]) -> None:
        self.ids = ids
        self._find = find

    @cached_property
    def offsets(self) -> list[Span]:
        """The character span of each token."""
        return self._find()

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self.ids, self.offsets)


def _restored(ids: list[int], offsets: list[Span]) -> TokenizedText:
    return TokenizedText(ids, lambda: offsets)


class TokenSlices(NamedTuple):
    """What truncation leaves of a tokenised text: its slices, one after the other."""

    text: TokenizedText
    slices: tuple[slice, ...] = WHOLE

    def take(self, values: list[T]) -> list[T]:
        """Pick the entries of these slices from a list that runs along the tokens."""
        first, *rest = self.slices
        taken = values[first]
        for part in rest:
            taken += values[part]
        return taken


class Encoding:
    """The token ids of a text or a pair, with the character offsets of every token.

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
    Shapes:   T integers each; offsets T pairs
    Units:    offsets in characters of the text

    Example:
        >>> tokenizer = playmask.Tokenizer.from_texts(["天气很好"], minimum=1)
        >>> encoding = tokenizer.encode("天气", "好")
        >>> encoding.segments, encoding.sources
        ([0, 0, 0, 0, 1, 1], [-1, 0, 0, -1, 1, -1])
        >>> encoding.offsets
        [(0, 0), (0, 1), (1, 2), (0, 0), (0, 1), (0, 0)]

    """

    ids: list[int]

    def __init__(self, parts: Sequence[TokenSlices], frame: Frame) -> None:
        self._parts = parts
        self._frame = frame
        self.ids = self._framed([part.take(part.text.ids) for part in parts], *frame[:3])

    @cached_property
    def segments(self) -> list[int]:
        """The segment of each token (token type id)."""
        return [0] * self._first + [self._frame.second] * (len(self.ids) - self._first)

    @cached_property
    def offsets(self) -> list[Span]:
        """The character span of each token; (0, 0) for special ones."""
        special = ([(0, 0)] * len(ids) for ids in self._frame[:3])
        return self._framed([part.take(part.text.offsets) for part in self._parts], *special)

    @cached_property
    def sources(self) -> list[int]:
        """The part that each token is of: -1 special, 0 text, 1 pair."""
        texts = [[source] * size for source, size in enumerate(self._sizes)]
        return self._framed(texts, *([-1] * len(ids) for ids in self._frame[:3]))

    @property
    def _sizes(self) -> list[int]:
        return [len(part.take(part.text.ids)) for part in self._parts]

    @property
    def _first(self) -> int:
        if len(self._parts) == 1:
            return len(self.ids)
        return len(self._frame.head) + self._sizes[0] + len(self._frame.between)

    @staticmethod
    def _framed(
        parts: list[list[T]], head: Sequence[T], between: Sequence[T], end: Sequence[T]
    ) -> list[T]:
        if len(parts) == 1:
            return [*head, *parts[0], *end]
        return [*head, *parts[0], *between, *parts[1], *end]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Never:
        raise ConfigError(hint("Encoding", self.ids))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Encoding):
            return NotImplemented
        fields = ("ids", "segments", "offsets", "sources")
        return all(getattr(self, name) == getattr(other, name) for name in fields)

    def __repr__(self) -> str:
        return f"Encoding(ids={self.ids}, segments={self.segments}, offsets={self.offsets})"
