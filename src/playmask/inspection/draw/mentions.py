"""Texts cut where mentions begin and end, and marked for the terminal."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Protocol

from playmask.inspection.draw.colours import INK, MARKS, QUIET
from playmask.untrusted import visible

if TYPE_CHECKING:
    from rich.text import Text


class Marked(Protocol):
    """A mention: the characters start … end - 1, what they are, and how sure that is."""

    @property
    def start(self) -> int:
        """The first character."""

    @property
    def end(self) -> int:
        """The character behind the last."""

    @property
    def label(self) -> str:
        """What the mention is."""

    @property
    def score(self) -> float:
        """How sure that is."""


class Piece(NamedTuple):
    """Characters in the same mentions, outer ones first; of those, what ends here, inner first."""

    text: str
    inside: list[Marked]
    ending: list[Marked]


def pieces(text: str, mentions: Sequence[Marked]) -> Iterator[Piece]:
    """Cut a text where a mention begins or ends."""
    cuts = sorted({0, len(text), *(m.start for m in mentions), *(m.end for m in mentions)})
    for start, end in pairwise(cuts):
        inside = [m for m in mentions if m.start <= start and end <= m.end]
        inside.sort(key=lambda m: m.start - m.end)
        yield Piece(text[start:end], inside, [m for m in inside[::-1] if m.end == end])


def colours_of(labels: Iterable[str]) -> dict[str, str]:
    """A background for each label; with more than there are colours, some share one."""
    return {label: MARKS[i % len(MARKS)] for i, label in enumerate(labels)}


def in_terminal(text: str, mentions: Sequence[Marked], labels: Sequence[str]) -> "Text":
    """The text for a terminal: mentions on colours, with the label behind each."""
    from rich.text import Text

    colours, output = colours_of(labels), Text()
    for piece in pieces(text, mentions):
        style = f"{INK} on {colours[piece.inside[-1].label]}" if piece.inside else ""
        output.append(visible(piece.text), style)
        for mention in piece.ending:
            output.append(f"[{visible(mention.label)}]", f"italic {QUIET}")
    return output
