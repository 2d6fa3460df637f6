"""A table, CSV or a workbook, with a mention on each line."""

import re
from collections.abc import Collection, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path

from playmask.data.annotated import Annotated, Mention, check_mentions
from playmask.data.columns import NAMES, Columns, Layout, naming_of
from playmask.data.formats.mention_json import KEYS, mention_of_item
from playmask.data.formats.workbook import SUFFIX as WORKBOOK
from playmask.data.gathering import BadExample, Numbered, on_line
from playmask.data.tables import BadRow, Row, rows_of
from playmask.errors import DataError, PlaymaskError

TABLES = (".csv", WORKBOOK)

LAYOUT = Layout(
    {
        "text": NAMES["text"],
        "start": (*KEYS["start"], "开始", "起点", "起始"),
        "end": (*KEYS["end"], "结束", "终点"),
        "label": ("label", "type", "entity_type", "标签", "类别", "类型"),
        "mention": ("mention", "entity", "word", "value", "实体"),
    },
    {},
    ("text", "start", "end", "label"),
)

Cells = tuple[int, list[str] | BadRow, dict[str, str]]
"""A row's line, its cells, and those by the names of their columns."""


def is_mention_table(path: Path, columns: Columns) -> bool:
    """Whether a table has a mention on each line, by the names of its columns."""
    try:
        next(iter(read_mention_table(path, columns, None, [])), None)
    except PlaymaskError:
        return False
    return True


def read_mention_table(
    path: Path, columns: Columns, labels: Collection[str] | None, notes: list[str]
) -> Numbered[Annotated]:
    """Rows that name a text and one of its mentions, or none."""
    rows = rows_of(path, quoted=True, notes=notes, ends=True)
    first = next(rows, (1, [""]))[1]
    if isinstance(first, BadRow):
        raise DataError(f"{path}:1: {first}")
    naming = naming_of(path, [first], LAYOUT, columns, None)
    fields = () if naming is None else naming.fields
    if not {*LAYOUT.needed} <= {*fields}:
        titles = list(columns or first)
        raise DataError(
            f"{path}:1: The columns are {titles!s:.200}; text, start, end and label are due."
        )
    if naming is not None and not naming.header:
        rows = _again(first, rows)
    named = ((i, row, {} if isinstance(row, BadRow) else _named(fields, row)) for i, row in rows)
    for text, group in groupby(named, key=lambda each: each[2].get("text", "")):
        lines = [*group]
        yield lines[0][0], partial(_of_rows, text, lines, len(fields), labels)


def _again(first: list[str], rows: Iterator[Row]) -> Iterator[Row]:
    yield 1, first
    yield from rows


def _named(fields: tuple[str | None, ...], row: list[str]) -> dict[str, str]:
    return {name: cell for name, cell in zip(fields, row, strict=False) if name is not None}


def _of_rows(text: str, rows: list[Cells], width: int, labels: Collection[str] | None) -> Annotated:
    mentions: list[Mention] = []
    for number, row, fields in rows:
        with on_line(number):
            if isinstance(row, BadRow):
                raise BadExample(str(row))
            if len(row) != width:
                raise BadExample(f"The line has {len(row)} columns, not {width} as the first.")
            mentions += check_mentions(Annotated(text, _of_cells(text, fields)), labels).mentions
    return Annotated(text, tuple(mentions))


def _of_cells(text: str, fields: dict[str, str]) -> tuple[Mention, ...]:
    """The mention that a row names, or none where all its cells are empty."""
    cells = [fields.get(name, "") for name in ("start", "end", "label", "mention")]
    if not any(map(str.strip, cells)):
        return ()
    if not fields["label"].strip():
        raise BadExample(
            f"The label of a mention ({fields['start']} to {fields['end']}) is missing; a text "
            "without mentions has no start and no end either."
        )
    ends = {key: _number(fields[key]) for key in ("start", "end")}
    stated = {"text": fields["mention"]} if fields.get("mention") else {}
    return (mention_of_item(text, {**ends, "label": fields["label"].strip(), **stated}),)


def _number(cell: str) -> int | str:
    return int(cell) if re.fullmatch(r"\s*[0-9]{1,18}\s*", cell) else cell
