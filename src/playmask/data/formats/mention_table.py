"""A CSV table with a mention on each line."""

import re
from collections.abc import Collection, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from playmask.data.annotated import Annotated, Mention, check_mentions
from playmask.data.formats.mention_json import mention_of_item
from playmask.data.gathering import (
    BadExample,
    Numbered,
    lines_of,
    on_line,
)
from playmask.data.readers import csv_rows
from playmask.errors import DataError

TABLE = ".csv"


Cells = tuple[int, list[str], dict[str, str]]
"""A row's line, its cells, and those by the names of their columns."""


def read_mention_table(
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
            mentions += check_mentions(Annotated(text, _of_cells(text, fields)), labels).mentions
    return Annotated(text, tuple(mentions))


def _of_cells(text: str, fields: dict[str, str]) -> tuple[Mention, ...]:
    """The mention that a row names, or none."""
    if not fields["label"]:
        return ()
    ends = {key: _number(fields[key]) for key in ("start", "end")}
    stated = {"text": fields["mention"]} if fields.get("mention") else {}
    return (mention_of_item(text, {**ends, "label": fields["label"], **stated}),)


def _number(cell: str) -> int | str:
    return int(cell) if re.fullmatch(r"\s*[0-9]{1,18}\s*", cell) else cell
