"""Texts with labelled mentions: what they are, and the files that hold them.

A mention is text[start:end]. Columns of tags (CoNLL, BIO, BMES), JSON lines, CLUENER and brat are
read; where a file states a mention's text too, it must be the one at the place.
"""

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
    on_line,
    refuse_columns,
    suffix_of,
    unknown_format,
)
from playmask.data.lines import read_lines
from playmask.data.places import check_place, check_text, places_of
from playmask.data.readers import Examples, csv_rows
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

BEGIN, INSIDE, END, SINGLE = "B", "IM", "EL", "SU"
"""The letters of tags: BIO, BIOES, BMES and BILOU's L and U."""

TAG = re.compile(rf"O|[{BEGIN}{INSIDE}{END}{SINGLE}]-\S+")

PART_OF_BRAT = re.compile(r"T\d+\t(\S+) (\d+) ((?:\d+;\d+ )*)(\d+)\t(.*)", re.DOTALL)
LINE_ENDS = str.maketrans("\r\n", "  ")


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
    bad texts out, of an .ann bad mentions, and list them in `.skipped`
    Raises: DataError naming file and line, also where no good text is left
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix != TABLE:
        refuse_columns(path, columns)
    if suffix == ".ann":
        return _brat(path, labels, skip_bad)
    if suffix == TABLE:
        texts = _table(path, columns, labels)
    elif suffix in OBJECTS:
        texts = objects_of(path, _of_object)
    elif suffix in COLUMNS:
        texts = _columns(path)
    else:
        raise unknown_format(path, (*COLUMNS, *OBJECTS, TABLE, ".ann"))
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
        goes_on = begun is not None and letter in (*INSIDE, *END) and begun[1] == label
        if begun is not None and not goes_on:
            found.append(Mention(begun[0], i, begun[1]))
            begun = None
        if letter == "O":
            continue
        if begun is None:
            begun = (i, label)
        if letter in (*END, *SINGLE):
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
            with on_line(number):
                _check_row(row)
        tokens = [row[0] for _, row in rows]
        tags = [row[-1] for _, row in rows]
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


def _check_row(row: list[str]) -> None:
    if len(row) < 2 or not TAG.fullmatch(row[-1]):
        raise BadExample(
            f"The line is {' '.join(row)!r:.60}; a token and a tag such as B-PER, I-PER or O are "
            "due."
        )


# Objects


def _of_object(fields: dict[str, Any]) -> Annotated:
    if not isinstance(fields.get("text"), str):
        raise BadExample(f"The object has {sorted(fields)}; one with a `text` is due.")
    text = fields["text"]
    name = next((name for name in LISTS if fields.get(name) is not None), None)
    if name is not None:
        listed = fields[name]
        if not isinstance(listed, list):
            raise BadExample(f"`{name}` is {listed!r:.60}; a list of mentions is due.")
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
        if not isinstance(mentions, dict) or not all(map(_is_pairs, mentions.values())):
            raise BadExample(
                f"The label {label!r} has {mentions!r:.60}; {{mention: [[first, last], …]}} is due."
            )
        for stated, places in mentions.items():
            for first, last in places:
                _check_inclusive(text, first, last, stated)
                yield Mention(first, last + 1, label)


def _is_pairs(places: Any) -> bool:
    """Whether something is a list of pairs of whole numbers."""
    return isinstance(places, list) and all(
        isinstance(each, list) and [type(end) for end in each] == [int, int] for each in places
    )


def _check_inclusive(text: str, first: int, last: int, stated: str) -> None:
    """See that CLUENER's place of a mention is right, or say which one would be."""
    found = text[max(first, 0) : last + 1]
    if first >= 0 and found == stated:
        return
    start, end = min(places_of(text, stated), key=lambda place: abs(place[0] - first))
    raise BadExample(
        f"{stated!r:.40} is said to be at [{first}, {last}], where {found!r:.40} stands; "
        f"[{start}, {end - 1}] would be right, as CLUENER counts the last character in."
    )


# Tables


Cells = tuple[int, list[str], dict[str, str]]
"""A row's line, its cells, and those by the names of their columns."""


def _table(
    path: Path, columns: Sequence[str] | None, labels: Collection[str] | None
) -> Numbered[Annotated]:
    """Rows that name a text and one of its mentions, or none."""

    def report(number: int, reason: str) -> None:
        raise DataError(f"{path}:{number}: {reason}")

    rows = csv_rows(lines_of(path, ends=True), report)
    names = list(columns or next(rows, (1, []))[1])
    if not {"text", "start", "end", "label"} <= set(names):
        raise DataError(f"{path}:1: The columns are {names}; text, start, end and label are due.")
    named = ((number, row, dict(zip(names, row, strict=False))) for number, row in rows)
    for text, group in groupby(named, key=lambda each: each[2].get("text", "")):
        lines = [*group]
        yield lines[0][0], partial(_of_rows, text, lines, len(names), labels)


def _of_rows(text: str, rows: list[Cells], width: int, labels: Collection[str] | None) -> Annotated:
    mentions: list[Mention] = []
    for number, row, fields in rows:
        with on_line(number):
            if len(row) != width:
                raise BadExample(f"The line has {len(row)} columns, not {width} as the first.")
            mentions += checked(Annotated(text, _of_cells(text, fields)), labels).mentions
    return Annotated(text, tuple(mentions))


def _of_cells(text: str, fields: dict[str, str]) -> tuple[Mention, ...]:
    """The mention that a row names, or none."""
    if not fields["label"]:
        return ()
    ends = {key: _number(fields[key]) for key in ("start", "end")}
    stated = {"text": fields["mention"]} if fields.get("mention") else {}
    return (_of_item(text, {**ends, "label": fields["label"], **stated}),)


def _number(cell: str) -> int | str:
    return int(cell) if re.fullmatch(r"\s*[0-9]{1,18}\s*", cell) else cell


# brat


def _brat(path: Path, labels: Collection[str] | None, skip_bad: bool) -> Examples[Annotated]:
    """The text of a .txt and the mentions of its .ann; a bad one alone is left out."""
    beside = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    text = _whole(beside.with_suffix(".txt"))
    lines = [(number, line) for number, line in lines_of(path) if line.startswith("T")]
    flat = text.translate(LINE_ENDS)
    made = [(number, partial(_of_brat, flat, line, labels)) for number, line in lines]
    mentions = gather(path, made, skip_bad=skip_bad) if made else Examples[Mention]()
    whole = gather(path, [(1, lambda: checked(Annotated(text, tuple(mentions))))], skip_bad=False)
    return Examples(whole, mentions.skipped, whole.places)


def _whole(path: Path) -> str:
    """The text of a file of UTF-8, its line ends as they are: brat counts them."""
    for _ in lines_of(path):  # names the line that is not UTF-8
        pass
    return b"".join(read_lines(path)).decode()


def _of_brat(flat: str, line: str, labels: Collection[str] | None) -> Mention:
    """A mention of a text whose line ends are spaces, as brat writes those of mentions.

    A discontinuous one reaches from its first part to its last; what is stated of it is not read.
    """
    found = PART_OF_BRAT.fullmatch(line)
    if found is None:
        raise BadExample(
            f"{line!r:.60} is no line of brat's; 'T1\\tLABEL start end\\ttext' is due."
        )
    label, start, between, end, stated = found.groups()
    mention = Mention(int(start), int(end), label)
    if not between:
        check_text(flat, mention.start, mention.end, stated.translate(LINE_ENDS))
    return checked(Annotated(flat, (mention,)), labels).mentions[0]
