"""Fitting token sequences into a length: truncation, and overlapping windows."""

from dataclasses import dataclass
from numbers import Integral
from typing import Literal

from playmask.errors import ConfigError, InputError
from playmask.tokenizers.encoding import WHOLE, Encoding, Frame, Part, Pieces

Truncate = Literal["right", "left"] | int


def longest_first(lengths: list[int], room: int) -> list[int]:
    """Share room between one or two sequences: the longer loses token by token, at a tie the first.

    Units:   tokens
    Source:  Devlin et al. 2018 (`_truncate_seq_pair`); the tie as in bert4keras
    """
    if sum(lengths) <= room:
        return lengths
    first, *others = lengths
    kept = min(first, max(room - sum(others), room // (1 + len(others))))
    return [kept, *(min(second, room - kept) for second in others)]


def kept_slices(length: int, kept: int, truncate: Truncate) -> tuple[slice, ...]:
    """Say which slices of a sequence stay when only so many of its tokens may."""
    if kept >= length:
        return WHOLE
    if truncate == "right":
        return (slice(kept),)
    head = 0 if truncate == "left" else min(truncate, kept)
    return slice(head), slice(length - (kept - head), length)


@dataclass(frozen=True)
class Fit:
    """How rows are brought to a length; made once per call, applied to every row.

    Raises: ConfigError if the options contradict each other
    """

    frame: Frame
    max_length: int | None = None
    truncate: Truncate = "right"
    overlap: int | None = None

    def check(self, parts: int) -> None:
        """Refuse options that cannot work for rows of one text or of a pair."""
        if self.truncate not in ("right", "left") and not is_count(self.truncate):
            raise ConfigError(
                f"truncate is {self.truncate!r}; it must be 'right', 'left', or the number of "
                "tokens to keep before the cut."
            )
        if self.overlap is not None and (self.max_length is None or self.truncate != "right"):
            raise ConfigError(
                "stride asks for overlapping windows: give max_length with it and no truncate."
            )
        if self.max_length is None:
            return
        special = self.frame.size(parts)
        if not is_count(self.max_length) or self.max_length <= special:
            raise ConfigError(
                f"max_length is {self.max_length!r}, of which special tokens take {special}; "
                f"it must be an integer of at least {special + 1}."
            )
        if self.overlap is not None and not is_count(self.overlap):
            raise ConfigError(f"stride is {self.overlap!r}; it must be an integer of at least 0.")

    def row(self, pieces: list[Pieces]) -> Encoding:
        """Truncate one row to max_length, the longer part first."""
        if self.max_length is None:
            return Encoding([Part(piece) for piece in pieces], self.frame)
        lengths = [len(piece.ids) for piece in pieces]
        room = self.max_length - self.frame.size(len(pieces))
        kept = longest_first(lengths, room)
        cuts = [kept_slices(*sizes, self.truncate) for sizes in zip(lengths, kept, strict=True)]
        return Encoding([Part(*part) for part in zip(pieces, cuts, strict=True)], self.frame)

    def windows(self, pieces: list[Pieces]) -> list[Encoding]:
        """Cover the last part of one row with overlapping windows, the first of a pair kept whole.

        Raises: InputError if the kept text leaves no room to move on
        """
        assert self.max_length is not None and self.overlap is not None
        *whole, last = pieces
        used = self.frame.size(len(pieces)) + sum(len(piece.ids) for piece in whole)
        room = self.max_length - used
        step = room - self.overlap
        if step < 1:
            raise InputError(
                f"max_length {self.max_length} leaves {max(room, 0)} tokens for each window after "
                f"{used} special and text tokens; with stride {self.overlap} (the overlap) "
                f"max_length must be at least {used + self.overlap + 1}."
            )
        starts = range(0, max(len(last.ids) - self.overlap, 1), step)
        kept = [Part(piece) for piece in whole]
        return [
            Encoding([*kept, Part(last, (slice(start, start + room),))], self.frame)
            for start in starts
        ]


def is_count(value: object) -> bool:
    """Tell whether a value is an integer of at least 0."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0
