"""Long texts in windows: what tasks that find something in texts of any length share."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from playmask.errors import ConfigError, InputError
from playmask.tokenizers import Encoding, Tokenizer

Outputs = Sequence[Mapping[str, np.ndarray]]
T = TypeVar("T")


class Window(NamedTuple):
    """What the model reads of a text at once: the tokens first … last - 1 of `total`, in a frame.

    text: the number of the text; head: how many tokens stand before: special ones, a question;
    shared: how many tokens it has in common with the next
    """

    text: int
    encoding: Encoding
    first: int
    last: int
    total: int
    head: int
    shared: int = 0

    def margin(self, first: int, last: int) -> float:
        """How much the window shows on the side of tokens first … last that shows less; -1: none.

        At the ends of a text nothing is missing.
        """
        if first < self.first or last >= self.last:
            return -1
        left = np.inf if self.first == 0 else first - self.first
        right = np.inf if self.last == self.total else self.last - 1 - last
        return float(min(left, right))

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """Where its tokens stand in the text, without those of the frame."""
        return self.encoding.offsets[self.head : self.head + self.last - self.first]

    def place(self, first: int, last: int) -> tuple[int, int]:
        """Where the text's tokens first … last, which the window shows, stand in it."""
        offsets, shift = self.encoding.offsets, self.head - self.first
        return offsets[first + shift][0], offsets[last + shift][1]

    def covers(self, first: int, last: int) -> bool:
        """Whether the text's tokens first … last stand for any characters of it."""
        start, end = self.place(first, last)
        return start < end

    def tokens_of(self, start: int, end: int) -> "Cut | None":
        """Its tokens that the characters start … end - 1 touch; None if they touch none."""
        offsets = self.offsets
        first = bisect_right([behind for _, behind in offsets], start)
        last = bisect_left([before for before, _ in offsets], end) - 1
        if last < first:
            return None
        return Cut(
            first,
            last,
            self.first > 0 and start < offsets[0][0],
            self.last < self.total and end > offsets[-1][1],
        )

    def whole(self, start: int, end: int) -> tuple[int, int] | None:
        """First and last of the row's tokens for some characters, if the window shows them all."""
        cut = self.tokens_of(start, end)
        if cut is None or cut.left or cut.right:
            return None
        return self.head + cut.first, self.head + cut.last

    def begins(self, longest: int) -> range:
        """Token indices whose spans this window owns (an overlap is split in half).

        A span of up to `longest` tokens, at most those that windows share, then belongs to one
        window, which shows it whole: of the places in two windows, the first half to the earlier.
        """
        turn = (self.shared - longest + 1) // 2
        stop = self.last if self.last == self.total else self.last - self.shared + turn
        return range(turn if self.first else 0, stop - self.first)


class Cut(NamedTuple):
    """The tokens first … last of a window, counted without its frame; what it cuts off."""

    first: int
    last: int
    left: bool
    right: bool


def windows_over(
    tokenizer: Tokenizer, longest: int, texts: Sequence[str], before: Sequence[str] | None = None
) -> list[Window]:
    """All windows of some texts, in order, of at most `longest` tokens.

    before: what stands whole before each text in all its windows, such as a question
    Raises: InputError where that takes more than half of a window
    """
    frame = tokenizer.frame
    around = frame.size(1 if before is None else 2)
    room, heads = longest - around, [around - len(frame.end)] * len(texts)
    overlap = room // 4
    if room < 4:
        raise ConfigError(f"max_length is {longest}; {4 + around} is the least.")
    if before is None:
        many = tokenizer.encode(list(texts), max_length=longest, stride=overlap)
    else:
        first = [len(each) for each in tokenizer.encode(list(before), special=False)]
        for question, size in zip(before, first, strict=True):
            if size > room - 2 * overlap:
                raise InputError(
                    f"{question!r:.40} has {size} tokens; with a max_length of {longest} it may "
                    f"have {room - 2 * overlap}, beside the text it is about."
                )
        heads = [head + size for head, size in zip(heads, first, strict=True)]
        many = tokenizer.encode(list(before), list(texts), max_length=longest, stride=overlap)
    windows = []
    for text, (encodings, head) in enumerate(zip(many, heads, strict=True)):
        sizes = [len(each) - head - len(frame.end) for each in encodings]
        starts = [i * (longest - head - len(frame.end) - overlap) for i in range(len(encodings))]
        windows += [
            Window(text, each, start, start + size, starts[-1] + sizes[-1], head, overlap)
            for each, start, size in zip(encodings, starts, sizes, strict=True)
        ]
    return windows


class Neighbours:
    """The windows of each text side by side: the one that shows most around some tokens decides."""

    def __init__(self, windows: Sequence[Window]) -> None:
        beside: dict[int, list[Window]] = {}
        for window in windows:
            beside.setdefault(window.text, []).append(window)
        self.beside = {
            text: (its, [each.first for each in its], [each.last for each in its])
            for text, its in beside.items()
        }

    def decides(self, window: Window, first: int, last: int) -> bool:
        """Whether a window does for the tokens first … last of its text, all of which it shows."""
        its, firsts, lasts = self.beside[window.text]
        showing = its[bisect_right(lasts, last) : bisect_right(firsts, first)]
        return window is max(showing, key=lambda each: each.margin(first, last), default=None)


def decided(
    windows: Sequence[Window],
    outputs: Outputs,
    find: Callable[[Window, Mapping[str, np.ndarray]], Iterable[tuple[int, int, T]]],
) -> Iterator[tuple[Window, T]]:
    """What is found, each thing whole in the one window that shows most around all of it.

    find: what a window alone says, each thing behind the first and the last of the text's tokens
    that it takes
    """
    neighbours = Neighbours(windows)
    for window, output in zip(windows, outputs, strict=True):
        for first, last, thing in find(window, output):
            if neighbours.decides(window, first, last):
                yield window, thing
