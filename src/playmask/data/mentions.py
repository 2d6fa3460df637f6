"""Texts with labelled mentions: what they are, and the files that hold them.

A mention is text[start:end]. Columns of tags (CoNLL, BIO, BMES), JSON lines, CLUENER and brat are
read; where a file states a mention's text too, it must be the one at the place.
"""

import csv
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.gathering import (
    OBJECTS,
    BadExample,
    Numbered,
    gather,
    lines_of,
    objects_of,
    refuse_columns,
    suffix_of,
)
from playmask.data.places import check_place, check_text
from playmask.data.readers import Examples
from playmask.errors import DataError, nearest


class Mention(NamedTuple):
    """The characters start … end - 1 of a text, and what they are; score: how sure that is."""

    start: int
    end: int
    label: str
    score: float = 1.0


class Annotated(NamedTuple):
    """A text and its mentions, in the order of their places."""

    text: str
    mentions: tuple[Mention, ...] = ()


TABLE = ".csv"
COLUMNS = (".bio", ".bioes", ".bmes", ".bmeso", ".conll", ".iob", ".iob2", ".txt", ".tsv")
LISTS = ("mentions", "entities", "spans")
KEYS = {
    "label": ("label", "type", "entity_type"),
    "start": ("start", "start_idx", "start_offset", "begin"),
    "end": ("end", "end_idx", "end_offset"),
    "text": ("text", "mention", "entity", "word", "value"),
}
"""Under which names JSON gives a mention's parts, in half-open character offsets."""

BEGIN, INSIDE, END, SINGLE = "B", "IM", "E", "SU"
"""The letters of tags: BIO, BIOES, BMES and BILOU's S and U."""


def read_mentions(
    path: str | Path,
    *,
    labels: Collection[str] | None = None,
    columns: Sequence[str] | None = None,
    skip_bad: bool = False,
) -> Examples[Annotated]:
    """Read texts with mentions; the suffix names the format, and `.gz` may follow it.

    .bio, .bmes, .conll, .txt, .tsv …: a token and its tag on each line, an empty line between
    texts; more columns may stand between. .json, .jsonl: on each line an object with `text` and
    `mentions` (or `entities`, `spans`), each an object with `start`, `end` (behind the last
    character), `label` and perhaps `text`; or CLUENER's `label`, which counts its ends otherwise.
    .csv: a mention on each line, `text`, `start`, `end`, `label` and perhaps `mention`; those of
    one text one after another. .ann: brat's, beside its .txt.
    labels: those allowed; columns: of a .csv whose first line does not name them; skip_bad: leave
    bad texts out and list them in `.skipped`
    Raises: DataError naming file and line, also where no good text is left
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix != TABLE:
        refuse_columns(path, columns)
    if suffix == ".ann":
        texts = _brat(path)
    elif suffix == TABLE:
        texts = _table(path, columns)
    elif suffix in OBJECTS:
        texts = objects_of(path, _of_object)
    elif suffix in COLUMNS:
        texts = _columns(path)
    else:
        known = ", ".join((*COLUMNS, *OBJECTS, TABLE, ".ann"))
        raise DataError(f"{path}: The format {suffix!r} is unknown; known are {known} (+ .gz).")
    made = ((number, lambda make=make: checked(make(), labels)) for number, make in texts)
    return gather(path, made, skip_bad=skip_bad)


def checked(example: Annotated, labels: Collection[str] | None = None) -> Annotated:
    """Put the mentions in order, each once, after seeing that they are in the text."""
    if not isinstance(example.text, str) or not example.text.strip():
        raise BadExample(f"The text is {example.text!r:.60}; a str that is not empty is due.")
    for mention in example.mentions:
        if not isinstance(mention.label, str) or not mention.label:
            raise BadExample(f"The label of a mention is {mention.label!r}, not a name.")
        if labels is not None and mention.label not in labels:
            raise BadExample(
                f"The label {mention.label!r} is not one of the labels."
                f"{nearest(mention.label, labels)}"
            )
        check_place(example.text, mention.start, mention.end)
    return Annotated(example.text, tuple(sorted(set(example.mentions))))


def labels_of_mentions(examples: Iterable[Annotated]) -> list[str]:
    """List the labels that occur, sorted."""
    return sorted({mention.label for example in examples for mention in example.mentions})


# Tags


def tags_to_mentions(tags: list[str]) -> list[Mention]:
    """The stretches that tags such as B-PER, I-PER, O, S-LOC mark, in places of the tags.

    A stretch begins at B, at S, or where the label changes, and ends with E, S or the last tag of
    its label: the reading of conlleval.
    """
    found: list[Mention] = []
    begun: tuple[int, str] | None = None
    for i, tag in enumerate([*tags, "O"]):
        letter, _, label = tag.partition("-")
        goes_on = begun is not None and letter in (*INSIDE, END) and begun[1] == label
        if begun is not None and not goes_on:
            found.append(Mention(begun[0], i, begun[1]))
            begun = None
        if letter == "O":
            continue
        if begun is None:
            begun = (i, label)
        if letter in (END, *SINGLE):
            found.append(Mention(begun[0], i + 1, begun[1]))
            begun = None
    return found


def _columns(path: Path) -> Numbered[Annotated]:
    """Tokens and tags; the tokens are joined by spaces, unless they are single characters."""
    rows: list[tuple[int, list[str]]] = []
    for number, line in [*lines_of(path), (0, "")]:
        if line.strip() and not line.startswith(("-DOCSTART-", "#doc")):
            rows.append((number, line.rstrip().split("\t" if "\t" in line else " ")))
        elif rows:
            yield rows[0][0], _tagged(rows)
            rows = []


def _tagged(rows: list[tuple[int, list[str]]]) -> Callable[[], Annotated]:
    def make() -> Annotated:
        for number, row in rows:
            if len(row) < 2 or not re.fullmatch(r"O|[BIMESUL]-\S+", row[-1]):
                raise BadExample(
                    f"Line {number} is {' '.join(row)!r:.60}; a token and a tag such as B-PER, "
                    "I-PER or O are due."
                )
        tokens = [row[0] for _, row in rows]
        tags = [re.sub("^L-", "E-", row[-1]) for _, row in rows]
        between = "" if sum(map(len, tokens)) <= 1.2 * len(tokens) else " "
        starts, place = [], 0
        for token in tokens:
            starts.append(place)
            place += len(token) + len(between)
        mentions = tuple(
            Mention(starts[m.start], starts[m.end - 1] + len(tokens[m.end - 1]), m.label)
            for m in tags_to_mentions(tags)
        )
        return Annotated(between.join(tokens), mentions)

    return make


# Objects


def _of_object(fields: dict[str, Any]) -> Annotated:
    if not isinstance(fields.get("text"), str):
        raise BadExample(f"The object has {sorted(fields)}; one with a `text` is due.")
    text = fields["text"]
    listed = next((fields[name] for name in LISTS if name in fields), None)
    if listed is not None:
        return Annotated(text, tuple(_of_item(text, item) for item in listed))
    if isinstance(fields.get("label"), dict):
        return Annotated(text, tuple(_of_cluener(text, fields["label"])))
    raise BadExample(f"Of {', '.join(LISTS)} there is none; an empty list says that nothing is.")


def _of_item(text: str, item: Any) -> Mention:
    if isinstance(item, list) and len(item) == 3:
        item = dict(zip(("start", "end", "label"), item, strict=True))
    if not isinstance(item, dict):
        raise BadExample(f"A mention is {item!r:.60}, not an object with start, end and label.")
    start, end, label, stated = (
        next((item[name] for name in KEYS[key] if name in item), None)
        for key in ("start", "end", "label", "text")
    )
    if type(start) is not int or type(end) is not int:
        raise BadExample(f"A mention goes from {start!r} to {end!r}; whole numbers are due.")
    if isinstance(stated, str):
        check_text(text, start, end, stated)
    return Mention(start, end, label if isinstance(label, str) else "")


def _of_cluener(text: str, labels: dict[str, Any]) -> Iterator[Mention]:
    """{label: {mention: [[first, last], …]}}: the last character is counted in."""
    for label, mentions in labels.items():
        for stated, places in mentions.items():
            for first, last in places:
                check_text(text, first, last + 1, stated)
                yield Mention(first, last + 1, label)


def _table(path: Path, columns: Sequence[str] | None) -> Numbered[Annotated]:
    """Rows that name a text and one of its mentions, or none."""
    rows = csv.reader(line + "\n" for _, line in lines_of(path))
    names = list(columns or next(rows, []))
    if not {"text", "start", "end", "label"} <= set(names):
        raise DataError(f"{path}:1: The columns are {names}; text, start, end and label are due.")
    named = ((rows.line_num, row, dict(zip(names, row, strict=False))) for row in rows)
    for text, group in groupby(named, key=lambda each: each[2].get("text", "")):
        lines = [*group]
        yield lines[0][0], partial(_of_rows, text, lines, len(names))


def _of_rows(
    text: str, lines: list[tuple[int, list[str], dict[str, str]]], width: int
) -> Annotated:
    mentions = []
    for number, row, fields in lines:
        if len(row) != width:
            raise BadExample(f"Line {number} has {len(row)} columns, not {width} as the first.")
        if fields["label"]:
            ends = {key: _number(fields[key]) for key in ("start", "end")}
            stated = {"text": fields["mention"]} if fields.get("mention") else {}
            mentions.append(_of_item(text, {**ends, "label": fields["label"], **stated}))
    return Annotated(text, tuple(mentions))


def _number(cell: str) -> int | str:
    return int(cell) if cell.strip().isdigit() else cell


def _brat(path: Path) -> Numbered[Annotated]:
    """One text; its discontinuous mentions reach from their first part to their last."""
    text = path.with_suffix(".txt").read_text(encoding="utf-8")
    mentions = []
    for number, line in lines_of(path):
        found = re.fullmatch(r"T\d+\t(\S+) (\d+) (?:\d+;\d+ )*(\d+)\t(.*)", line)
        if line.startswith("T") and found is None:
            raise DataError(f"{path}:{number}: {line!r:.60} is no line of brat's.")
        if found is not None:
            label, start, end, stated = found.groups()
            mentions.append((Mention(int(start), int(end), label), stated))

    def make() -> Annotated:
        for mention, stated in mentions:
            if " " not in stated:  # one part, or brat joins several by spaces
                check_text(text, mention.start, mention.end, stated)
        return Annotated(text, tuple(mention for mention, _ in mentions))

    yield 1, make
