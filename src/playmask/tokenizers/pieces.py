"""The pieces of a Unigram or SentencePiece vocabulary, by columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import NamedTuple

import numpy as np

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
TYPES = range(NORMAL, BYTE + 1)
UNREACHABLE = "\0"  # ends, or begins, the name of a token that no text may reach


class Piece(NamedTuple):
    """A piece of text with its log-probability (or minus its rank) and its type, one of TYPES."""

    text: str
    score: float = 0.0
    type: int = NORMAL


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces in the order of their ids; nobody changes them in place.

    names:  their texts
    scores: their log-probabilities, or minus their ranks
    types:  id -> type, of those that are not NORMAL
    Shapes: scores (N,) float64
    """

    names: list[str]
    scores: np.ndarray
    types: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> "Pieces":
        """Put pieces together that are there one by one."""
        rows = [*pieces]
        scores = np.array([piece.score for piece in rows], float)
        types = {n: piece.type for n, piece in enumerate(rows) if piece.type != NORMAL}
        return cls([piece.text for piece in rows], scores, types)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Piece]:
        types = map(self.types.get, range(len(self)), repeat(NORMAL))
        return map(Piece, self.names, self.scores.tolist(), types)

    def __add__(self, other: "Pieces") -> "Pieces":
        """These pieces, and others after them."""
        types = {len(self) + number: kind for number, kind in other.types.items()}
        scores = np.concatenate([self.scores, other.scores])
        return Pieces(self.names + other.names, scores, {**self.types, **types})

    def __reduce__(self) -> tuple[object, ...]:
        return Pieces, (self.names, self.scores, self.types)

    def take(self, ids: Sequence[int]) -> "Pieces":
        """Only these pieces, in this order."""
        types = {new: self.types[old] for new, old in enumerate(ids) if old in self.types}
        names = [*map(self.names.__getitem__, ids)]
        return Pieces(names, self.scores[np.asarray(ids, int)], types)

    def typed(self, types: Mapping[int, int]) -> "Pieces":
        """The same pieces of other types."""
        pieces = Pieces(self.names, self.scores, types)
        pieces.__dict__["ids"] = self.ids
        return pieces

    def rows(self) -> list[tuple[str, float]]:
        """(name, score) of each piece, as tokenizer.json has them."""
        return [*zip(self.names, self.scores.tolist(), strict=True)]

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each piece, in any order."""
        return dict(zip(self.names, range(len(self)), strict=True))

    def renamed(self, names: Mapping[int, str]) -> "Pieces":
        """A copy in which some ids have other names; those above all others are new."""
        more = max(names, default=-1) + 1 - len(self)
        pieces = self + Pieces([""] * more, np.zeros(max(more, 0)))
        ids = dict(self.ids)
        for number, name in names.items():
            if ids.get(pieces.names[number]) == number:
                del ids[pieces.names[number]]
            pieces.names[number] = name
        ids |= {name: number for number, name in names.items()}
        pieces.__dict__["ids"] = ids  # a quarter of the time that making them anew takes
        return pieces
