"""Texts: token by token, with what was found in them, with what their pieces brought."""

from collections.abc import Sequence

from playmask.data.annotated import Annotated, Mention
from playmask.data.events import Report
from playmask.data.relations import Related
from playmask.inspection.draw.attributions import strongest
from playmask.inspection.draw.mention_page import mark_style, section
from playmask.inspection.draw.page import SCALE, TEXTS, paragraph, scale
from playmask.inspection.explain.explanation import Explanation
from playmask.inspection.notebook.fragments import (
    LETTERS,
    Fragment,
    Html,
    beginning,
    element,
    html,
    joined,
    notes,
)
from playmask.inspection.wording import counted
from playmask.tasks.extraction.events import mark_events
from playmask.tasks.extraction.relations import mark_relations
from playmask.tokenizers.encoding import Encoding

TOKENS, MENTIONS, LINES = 64, 200, 20
SOURCES = {-1: "special", 0: "text", 1: "pair"}
STRIP = """
.tokens { display: flex; flex-wrap: wrap; gap: 0.25em; }
.tokens span { border: 1px solid var(--faint); border-radius: 0.25em; padding: 0 0.4em;
  text-align: center; line-height: 1.3; }
.tokens small { display: block; color: var(--quiet); font-size: 0.75em; }
.tokens .special { border-style: dashed; }
.tokens .pair { border-color: var(--quiet); }"""


def encoding(value: Encoding) -> Fragment:
    """The id of each token, and below it the characters that it stands for."""
    rows = [*zip(value.ids, value.sources, value.segments, value.offsets, strict=True)]
    first, more = beginning(rows, TOKENS, "tokens")
    strip = (
        element(
            "span",
            str(token),
            element("small", f"{start}–{end}" if end > start else "·"),
            class_=SOURCES[source],
            title=f"{SOURCES[source]}, segment {segment}",
        )
        for token, source, segment, (start, end) in first
    )
    legend = "Ids; below them the characters, start–end; special tokens have a dashed line."
    body = joined([element("div", *strip, class_="tokens"), more, notes([legend])])
    special = value.sources.count(-1)
    return Fragment("Encoding", f"{counted(len(rows), 'token')}, {special} special", body, STRIP)


def mentions(value: Annotated) -> Fragment:
    """A text with lines below its mentions."""
    return _marked("Annotated", value.text, value.mentions, ())


def relations(value: Related) -> Fragment:
    """A text with its subjects and objects, and each relation in words."""
    return _marked("Related", value.text, *mark_relations(value.text, value.relations))


def events(value: Report) -> Fragment:
    """A text with the parts of its events, and each event in words."""
    return _marked("Report", value.text, *mark_events(value.text, value.events))


def _marked(kind: str, text: str, marks: Sequence[Mention], lines: Sequence[str]) -> Fragment:
    inside = [mark for mark in marks if mark.end <= LETTERS]
    first, _ = beginning(inside, MENTIONS, "")
    more = len(marks) - len(first)
    beyond = len(text) - LETTERS
    said, rest = beginning(lines, LINES, "lines")
    labels = [*dict.fromkeys(mark.label for mark in marks)]
    cut = [f"… and {beyond:,} more characters"] * (beyond > 0)
    cut += [f"… and {more:,} more mentions"] * (more > 0)
    numbers = {label: number for number, label in enumerate(labels)}
    marked = Html(section(None, (text[:LETTERS], first, said), numbers))
    count = counted(len(marks), "mention")
    return Fragment(kind, count, joined([marked, rest, notes(cut)]), TEXTS + mark_style(labels))


def explanation(value: Explanation) -> Fragment:
    """What each piece brought to the answer, red for it and blue against it."""
    texts = [value.pieces(source) for source in range(len(value.texts))]
    top = strongest(texts)
    parts = []
    for pieces in texts:
        first, more = beginning(pieces, LETTERS, "pieces")
        parts += [Html(paragraph(first, top)), more]
    body = joined([*parts, Html(scale(top)), notes(value.notes)])
    return Fragment("Explanation", html(value.title), body, TEXTS + SCALE)
