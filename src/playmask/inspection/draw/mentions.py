"""Texts with their mentions marked, for the terminal and as a page."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from playmask.inspection.draw.colours import INK, MARKS, QUIET
from playmask.inspection.draw.page import escaped, write_page
from playmask.untrusted import visible

if TYPE_CHECKING:
    from rich.text import Text

STYLE = f"""
p.text span {{ padding: 0.18em 0.1em; }}
p.text small {{ color: {QUIET}; font-size: 0.62em; padding: 0 0.25em; }}
ul.lines {{ color: {QUIET}; font-size: 0.85em; margin: 0 0 1.4em; }}
footer b {{ font-weight: normal; color: {INK}; border-radius: 0.15em; padding: 0.1em 0.4em; }}"""
BAR = 0.16  # em: the line below a span for each mention that it is in besides the first


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


def mention_page(
    texts: Sequence[tuple[str, Sequence[Marked], Sequence[str]]],
    labels: Sequence[str],
    path: str | Path,
    *,
    title: str = "",
    notes: Sequence[str] = (),
) -> None:
    """Write texts, their mentions and lines about them as an HTML page that needs nothing else.

    What stands in several mentions has the colour of the longest, and a line for each other one.
    Raises: InputError if the page cannot be written
    """
    colours = colours_of(labels)
    legend = " ".join(
        f'<b style="background:{colour}">{escaped(label)}</b>' for label, colour in colours.items()
    )
    paragraphs = (
        f'<p class="text" dir="auto">{_marked(text, mentions, colours)}</p>' + _lines(lines)
        for text, mentions, lines in texts
    )
    footer = [f"<p>{legend}</p>", *(f"<p>{escaped(note)}</p>" for note in notes)]
    write_page(path, title, paragraphs, footer, STYLE)


def _lines(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escaped(line)}</li>" for line in lines)
    return f'<ul class="lines">{items}</ul>' if lines else ""


def _marked(text: str, mentions: Sequence[Marked], colours: dict[str, str]) -> str:
    spans = []
    for piece in pieces(text, mentions):
        if not piece.inside:
            spans.append(escaped(piece.text))
            continue
        first, *others = piece.inside
        lines = ", ".join(
            f"inset 0 -{BAR * (i + 1):.2f}em {_darker(colours[m.label])}"
            for i, m in enumerate(others)
        )
        style = f"background:{colours[first.label]}" + (f";box-shadow:{lines}" if lines else "")
        says = "; ".join(f"{m.label} {m.score:.3f}" for m in piece.inside)
        ends = "".join(f"<small>{escaped(m.label)}</small>" for m in piece.ending)
        inside = f"{escaped(piece.text)}{ends}"
        spans.append(f'<span title="{escaped(says)}" style="{style}">{inside}</span>')
    return "".join(spans)


def _darker(colour: str) -> str:
    return "#" + "".join(f"{int(colour[i : i + 2], 16) * 2 // 3:02x}" for i in (1, 3, 5))
