"""Texts with their mentions as a page: lines below the text, filters, light, dark and on paper."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle, groupby
from pathlib import Path
from typing import NamedTuple

from playmask.inspection.draw.colours import DEEP_MARKS, MARKS
from playmask.inspection.draw.mentions import Marked, Piece, pieces
from playmask.inspection.draw.page import escaped, write_page
from playmask.inspection.wording import counted

LEVELS = 3  # lines below each other; of mentions beyond them the number is shown
FLOORS = (0, 5, 7, 9)  # tenths of a score, to choose among
LINE, STEP = 0.16, 0.24  # em: the height of a line, and from one to the next

Annotation = tuple[str, Sequence[Marked], Sequence[str]]
"""A text, its mentions, and lines about them."""


class Placed(NamedTuple):
    """A mention, the number of its label, and which line it has; None where there is no room."""

    mention: Marked
    label: int
    level: int | None


def mention_page(
    texts: Sequence[Annotation],
    labels: Sequence[str],
    path: str | Path,
    *,
    title: str = "",
    notes: Sequence[str] = (),
) -> None:
    """Write texts, their mentions and lines about them as an HTML page that needs nothing else.

    Mentions that overlap have lines below each other, three at most; more are counted. Boxes above
    the texts choose labels and scores, by styles alone: the page has no script.
    Raises: InputError if the page cannot be written
    """
    numbers = {label: i for i, label in enumerate(labels)}
    counts = Counter(mention.label for _, mentions, _ in texts for mention in mentions)
    body = [_filters(labels, counts)]
    for marked, group in groupby(enumerate(texts, 1), lambda each: bool(each[1][1] or each[1][2])):
        sections = [section(number, annotation, numbers) for number, annotation in group]
        body += sections if marked else [_folded(sections)]
    write_page(path, title, body, [f"<p>{escaped(note)}</p>" for note in notes], _style(labels))


def levels(mentions: Sequence[Marked]) -> list[int | None]:
    """The line of each mention, the lowest that is free; None where `LEVELS` are taken.

    Of mentions that begin together the longest comes first.
    """
    order = sorted(range(len(mentions)), key=lambda i: (mentions[i].start, -mentions[i].end))
    ends, chosen = [0] * LEVELS, [None] * len(mentions)  # type: tuple[list[int], list[int | None]]
    for i in order:
        free = (level for level in range(LEVELS) if ends[level] <= mentions[i].start)
        chosen[i] = level = next(free, None)
        if level is not None:
            ends[level] = mentions[i].end
    return chosen


def section(number: int | None, annotation: Annotation, numbers: Mapping[str, int]) -> str:
    """A text with its marks and its lines; number: its own beside it; numbers: of the labels."""
    text, mentions, lines = annotation
    placed = {
        id(mention): Placed(mention, numbers[mention.label], level)
        for mention, level in zip(mentions, levels(mentions), strict=True)
    }
    marked = "".join(
        _marked(piece, [placed[id(each)] for each in piece.inside])
        for piece in pieces(text, mentions)
    )
    items = "".join(f"<li>{escaped(line)}</li>" for line in lines)
    below = f'<ul class="lines">{items}</ul>' if lines else ""
    count = "" if number is None else f' data-n="{number}"'
    return f'<section{count}><p class="text" dir="auto">{marked}</p>{below}</section>'


def _folded(sections: Sequence[str]) -> str:
    """Texts in which nothing was found, behind a line that counts them."""
    count = f"{counted(len(sections), 'text')} without mentions"
    return f"<details><summary>{count}</summary>{''.join(sections)}</details>"


def _marked(piece: Piece, inside: Sequence[Placed]) -> str:
    """A piece in an element for each mention that it is in; labels stand where mentions end."""
    ending = {id(mention) for mention in piece.ending}
    html = escaped(piece.text)
    for mention, label, level in sorted(inside, key=lambda each: each.mention.end):
        kind = f"c{label} s{_tenth(mention.score)}"
        says = escaped(f"{mention.label} {mention.score:.3f}")
        name = escaped(mention.label) if level is not None else "+1"
        end = f'<small class="{kind}">{name}</small>' if id(mention) in ending else ""
        line = "" if level is None else f" l{level}"
        html = f'<span class="m {kind}{line}" title="{says}">{html}{end}</span>'
    return html


def _tenth(score: float) -> int:
    return min(max(int(score * 10), 0), 9)


def _filters(labels: Sequence[str], counts: Mapping[str, int]) -> str:
    """Boxes to tick: labels with how often each occurs, and how sure mentions have to be."""
    boxes = "".join(
        f'<label><input type="checkbox" id="c{i}" checked><i class="c{i}"></i>{escaped(label)}'
        f" {counts.get(label, 0):,}</label>"
        for i, label in enumerate(labels)
    )
    floors = "".join(
        f'<label><input type="radio" name="floor" id="f{floor}"{" checked" * (not floor)}>'
        f"{f'≥ 0.{floor}' if floor else 'all scores'}</label>"
        for floor in FLOORS
    )
    return f"<nav><div>{boxes}</div><div>{floors}</div></nav>"


def mark_style(labels: Sequence[str]) -> str:
    """The colours of labels: `--deep` for lines on light paper, `--name` on dark and for names."""
    colours = zip(range(len(labels)), cycle(zip(DEEP_MARKS, MARKS, strict=True)), strict=False)
    rules = [MARKED]
    rules += [f".c{i} {{ --deep: {deep}; --name: {pale}; }}" for i, (deep, pale) in colours]
    below = [(level, STEP * (LEVELS - 1 - level)) for level in range(LEVELS)]
    rules += [
        f"p.text span.l{level} {{ background-position: 0 calc(100% - {up:.2f}em); }}"
        for level, up in below
    ]
    return "\n".join(rules)


def _style(labels: Sequence[str]) -> str:
    """The marks, the boxes, and what a box hides."""
    rules = [mark_style(labels), STYLE]
    hidden = [f"body:has(#c{i}:not(:checked)) p .c{i}" for i in range(len(labels))]
    hidden += [
        f"body:has(#f{floor}:checked) p .s{tenth}" for floor in FLOORS for tenth in range(floor)
    ]
    small = ", ".join(f"{each}:is(small)" for each in hidden)
    rules += [f"{', '.join(hidden)} {{ --mark: transparent; }}", f"{small} {{ display: none; }}"]
    return "\n".join(rules)


MARKED = f"""
section {{ display: flow-root; position: relative; }}
section::before {{ content: attr(data-n); position: absolute; right: 100%; margin: 1.6em 0.9em 0 0;
  color: var(--quiet); font-size: 0.62em; }}
p.text {{ line-height: 2.3; margin: 0.5em 0; unicode-bidi: isolate; }}
p.text span.m {{ border-radius: 0; padding: 0 0 {STEP * LEVELS + 0.06:.2f}em;
  unicode-bidi: isolate; box-decoration-break: clone; -webkit-box-decoration-break: clone; }}
p.text span:is({", ".join(f".l{level}" for level in range(LEVELS))}) {{
  background-image: linear-gradient(var(--mark), var(--mark)); background-repeat: no-repeat;
  background-size: 100% {LINE}em; }}
p.text small {{ background: var(--name); color: #1f2a3a; border-radius: 0.2em; font-size: 0.58em;
  display: inline-block; line-height: 1.4; margin: 0 0.3em; padding: 0.05em 0.35em;
  vertical-align: 0.2em; white-space: nowrap; }}
p.text span.m {{ --mark: var(--deep); }}
ul.lines {{ color: var(--quiet); font-size: 0.85em; margin: 0 0 1.2em; }}"""
STYLE = """
nav { border-bottom: 1px solid var(--faint); font-size: 0.8rem; padding-bottom: 0.4rem;
  position: sticky; top: 0; background: var(--paper); z-index: 1; }
nav label { margin-right: 1em; white-space: nowrap; }
nav i { background: var(--name); border-radius: 0.2em; display: inline-block; height: 0.8em;
  margin: 0 0.35em; width: 0.8em; }
details { color: var(--quiet); }
summary { cursor: pointer; font-size: 0.8rem; }
@media screen and (prefers-color-scheme: dark) { p.text span.m { --mark: var(--name); } }
@media print { nav { position: static; } section { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }"""
