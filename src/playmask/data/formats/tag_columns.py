"""Columns of tokens and tags: CoNLL, BIO, BIOES, BMES, BILOU; bare letters mark words."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from playmask.data.annotated import Annotated, Mention
from playmask.data.formats.joining import Join, Joining, joining_of
from playmask.data.gathering import BadExample, Numbered, lines_of, on_line

BEGIN, INSIDE, END, SINGLE = "B", "IM", "EL", "SU"
"""The letters of tags: BIO, BIOES, BMES and BILOU's L and U."""

LETTERS = f"{BEGIN}{INSIDE}{END}{SINGLE}"
TAG = re.compile(rf"O|[{LETTERS}](-\S+)?")
WORD = "word"
"""The label of what bare letters mark: word segmentation."""

DOCUMENT = "-DOCSTART-"
Row = tuple[int, list[str]]


def tags_to_mentions(tags: list[str]) -> list[Mention]:
    """The spans that tags such as B-PER, I-PER, O, S-LOC mark, in places of the tags.

    A span begins at B, at S, or where the label changes, and ends with E, S or the last tag of
    its label: the reading of conlleval. Letters without a label mark words.
    """
    mentions: list[Mention] = []
    begun: tuple[int, str] | None = None
    for i, tag in enumerate([*tags, "O"]):
        letter, _, label = tag.partition("-")
        label = label or WORD
        goes_on = begun is not None and letter in (*INSIDE, *END) and begun[1] == label
        if begun is not None and not goes_on:
            mentions.append(Mention(begun[0], i, begun[1]))
            begun = None
        if letter == "O":
            continue
        if begun is None:
            begun = (i, label)
        if letter in (*END, *SINGLE):
            mentions.append(Mention(begun[0], i + 1, begun[1]))
            begun = None
    return mentions


def annotated_tokens(tokens: list[str], tags: list[str], joining: Joining) -> Annotated:
    """The text of some tokens, and the mentions that their tags mark in it."""
    text, places = joining.text_of(tokens)
    mentions = (
        Mention(places[m.start][0], places[m.end - 1][1], m.label) for m in tags_to_mentions(tags)
    )
    return Annotated(text, mentions)


def begins_document(line: str) -> bool:
    """Whether a line stands between documents: -DOCSTART-, or #doc and a name without a tag."""
    if not line.startswith((DOCUMENT, "#doc")):
        return False
    cells = line.split()
    return cells[0] == DOCUMENT or (cells[0] == "#doc" and not TAG.fullmatch(cells[-1]))


def cells_of(line: str, width: int = 2) -> list[str]:
    """The cells of a line, between tabs or else spaces; the first may be white space itself.

    width: the cells of other lines, of which a token that is a space leaves one less to be seen
    """
    if "\t" in line:
        cells = line.rstrip("\r\n").split("\t")
        while len(cells) > 2 and not cells[-1].strip():
            cells.pop()
        return [cells[0] or " ", *map(str.strip, cells[1:])]
    cells = line.split()
    return [line[0], *cells] if line[0].isspace() and len(cells) == width - 1 else cells


def has_tag(line: str) -> bool:
    """Whether a line ends with a tag, behind a token."""
    cells = cells_of(line)
    return len(cells) > 1 and TAG.fullmatch(cells[-1]) is not None


def read_tag_columns(path: Path, join: Join = "script") -> Numbered[Annotated]:
    """Tokens and tags; how the tokens join is told by all of the file's, see `joining_of`.

    Where more columns stand between, and the first numbers the tokens of each text, the second
    holds them.
    """
    several = any(len(rows) > 1 for rows in _texts(path))
    first = int(several and all(map(_is_numbered, _texts(path))))
    joining = joining_of((row[first] for rows in _texts(path) for _, row in rows), join)
    for rows in _texts(path):
        yield rows[0][0], _tagged([(number, row[first:]) for number, row in rows], joining)


def _is_numbered(rows: list[Row]) -> bool:
    """Whether the first of several columns counts the rows of a text, from 0 or 1."""
    if not all(len(row) > 2 for _, row in rows):
        return False
    begin = rows[0][1][0]
    return begin in ("0", "1") and all(
        row[0] == str(int(begin) + i) for i, (_, row) in enumerate(rows)
    )


def _texts(path: Path) -> Iterator[list[Row]]:
    """The lines of each text."""
    rows: list[Row] = []
    width = 0
    for number, line in lines_of(path):
        if line.strip() and not begins_document(line):
            width = width or (0 if line[0].isspace() else len(cells_of(line)))
            rows.append((number, cells_of(line, width or 2)))
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows


def _tagged(rows: list[Row], joining: Joining) -> Callable[[], Annotated]:
    def make() -> Annotated:
        for number, row in rows:
            with on_line(number):
                _check_row(row)
        return annotated_tokens([row[0] for _, row in rows], [row[-1] for _, row in rows], joining)

    return make


def _check_row(row: list[str]) -> None:
    if len(row) < 2 or not TAG.fullmatch(row[-1]):
        raise BadExample(
            f"The line is {' '.join(row)!r:.60}; a token and a tag such as B-PER, I-PER or O are "
            "due."
        )
