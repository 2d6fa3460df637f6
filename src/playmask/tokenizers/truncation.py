"""Truncation of token sequences, and overlapping windows over them."""

from dataclasses import dataclass
from numbers import Integral
from typing import Literal

from playmask.errors import ConfigError, InputError
from playmask.tokenizers.encoding import WHOLE, Encoding, Frame, TokenizedText, TokenSlices

Truncate = Literal["right", "left"] | int


def longest_first(lengths: list[int], room: int) -> list[int]:
    """Share room between one or two sequences: the longer loses token by token, at a tie the first.

    Units:   tokens
    Source:  Devlin et al. 2018 (`_truncate_seq_pair`); the tie as in bert4keras
    """
    if sum(lengths) <= room:
        return lengths
    first, *others = lengths
    size = min(first, max(room - sum(others), room // (1 + len(others))))
    return [size, *(min(second, room - size) for second in others)]


def truncation_slices(length: int, room: int, truncate: Truncate) -> tuple[slice, ...]:
    """Return the slices of a sequence that stay when only `room` of its tokens may.

    Units:   tokens
    """
    if room >= length:
        return WHOLE
    if truncate == "right":
        return (slice(room),)
    head = 0 if truncate == "left" else min(truncate, room)
    return slice(head), slice(length - (room - head), length)


@dataclass(frozen=True)
class Truncation:
    """Truncation or windowing to a maximum length, the same for all rows of a call.

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

    def row(self, texts: list[TokenizedText]) -> Encoding:
        """Truncate a text or a pair to max_length, the longer part first."""
        if self.max_length is None:
            return Encoding([TokenSlices(text) for text in texts], self.frame)
        lengths = [len(text.ids) for text in texts]
        rooms = longest_first(lengths, self.max_length - self.frame.size(len(texts)))
        cuts = [truncation_slices(*row, self.truncate) for row in zip(lengths, rooms, strict=True)]
        return Encoding([TokenSlices(*part) for part in zip(texts, cuts, strict=True)], self.frame)

    def windows(self, texts: list[TokenizedText]) -> list[Encoding]:
        """Cover the last part of one row with overlapping windows; the first of a pair stays whole.

        Raises: InputError if the whole text leaves no room to move on
        """
        assert self.max_length is not None and self.overlap is not None
        *whole, last = texts
        used = self.frame.size(len(texts)) + sum(len(text.ids) for text in whole)
        room = self.max_length - used
        step = room - self.overlap
        if step < 1:
            raise InputError(
                f"max_length {self.max_length} leaves {max(room, 0)} tokens for each window after "
                f"{used} special and text tokens; with stride {self.overlap} (the overlap) "
                f"max_length must be at least {used + self.overlap + 1}."
            )
        starts = range(0, max(len(last.ids) - self.overlap, 1), step)
        first = [TokenSlices(text) for text in whole]
        return [
            Encoding([*first, TokenSlices(last, (slice(start, start + room),))], self.frame)
            for start in starts
        ]


def is_count(value: object) -> bool:
    """Tell whether a value is an integer of at least 0."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0
