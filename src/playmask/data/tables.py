"""Rows of tables: TSV, CSV, workbooks, fastText's lines; bad ones come in their places."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from playmask.data.columns import Columns, Layout, Naming, naming_of
from playmask.data.formats.workbook import SUFFIX as WORKBOOK
from playmask.data.formats.workbook import sheet_rows
from playmask.data.gathering import BadExample, suffix_of
from playmask.data.lines import LONGEST, numbered, read_lines

AHEAD = 200  # rows that tell what the columns are
SNIFFED = 20  # lines that tell what stands between them
DELIMITERS = ",;\t"
FASTTEXT = "__label__"

# The limit of Python's csv, 131,072 characters, is below what a document has; it is the process's.
csv.field_size_limit(max(csv.field_size_limit(), LONGEST))


class BadRow(str):
    """The reason why a line is no row of the table."""


Line = tuple[int, str]
Row = tuple[int, list[str] | BadRow]
Fields = tuple[int, dict[str, Any] | BadRow]


def lines_in(path: Path, *, ends: bool = False) -> Iterator[Line]:
    """The numbered lines of a file; of those that are not UTF-8, the reasons; ends: with ends."""
    bad: list[Line] = []
    stream = numbered(read_lines(path), lambda i, why: bad.append((i, BadRow(why))), ends=ends)
    for line in stream:
        yield from bad
        bad.clear()
        yield line
    yield from bad


def rows_of(path: Path, *, quoted: bool, notes: list[str], ends: bool = False) -> Iterator[Row]:
    """The rows of a table: of a workbook, cells as they stand between tabs, or quoted (RFC 4180).

    notes: where it is said what was guessed
    """
    if suffix_of(path) == WORKBOOK:
        return sheet_rows(path, notes)
    first, lines = peeked(lines_in(path, ends=ends), SNIFFED)
    texts = [line.rstrip("\r\n") for _, line in first if not isinstance(line, BadRow)]
    cells = texts[0].split("\t") if texts else []
    if not quoted and not all(len(c) > 1 and c[0] == c[-1] == '"' for c in cells):
        return ((i, x if isinstance(x, BadRow) else x.split("\t")) for i, x in lines)
    delimiter = _delimiter(texts) if quoted else "\t"
    if texts and texts[0] == f"sep={delimiter}":
        next(lines)
    if quoted and delimiter != ",":
        notes.append(f"columns are read as separated by {delimiter!r}")
    return csv_rows(lines, delimiter)


def peeked(items: Iterator[Any], count: int) -> tuple[list[Any], Iterator[Any]]:
    """The first of some items, and all of them."""
    first = list(islice(items, count))
    return first, chain(first, items)


def _delimiter(lines: Sequence[str]) -> str:
    """What stands between the columns of a CSV: a comma, unless another one alone makes columns."""
    first = lines[0] if lines else ""
    if first.startswith("sep=") and len(first) == 5:
        return first[4]
    if len(lines) == SNIFFED:
        lines = lines[:-1]  # a row may go on behind the last
    counts = {each: {len(_cells(line, each)) for line in lines} for each in DELIMITERS}
    if counts[","] - {1} and len(counts[","]) == 1:
        return ","
    others = (each for each in DELIMITERS[1:] if len(counts[each]) == 1 and counts[each] - {1})
    return next(others, ",")


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def csv_rows(lines: Iterator[Line], delimiter: str = ",") -> Iterator[Row]:
    """Yield CSV rows, which may span lines, with the number of their first line."""
    last = 0
    bad: list[Row] = []

    def feed() -> Iterator[str]:
        nonlocal last
        for number, line in lines:
            last = number
            if isinstance(line, BadRow):
                bad.append((number, line))
            else:
                yield line if line.endswith("\n") else line + "\n"

    reader = csv.reader(feed(), strict=True, delimiter=delimiter)
    while True:
        first = last + 1
        try:
            row = next(reader) or [""]
        except StopIteration:
            yield from bad
            return
        except csv.Error as error:
            yield first, BadRow(f"The CSV quoting is broken: {_explained(str(error), last)}.")
            continue
        yield from bad
        bad.clear()
        yield first, row


def _explained(error: str, last: int) -> str:
    """What csv's words mean to somebody who has a file."""
    if "unexpected end" in error or "limit" in error:
        return f"a quotation mark is open up to line {last}"
    if "new-line" in error:
        return "a line end (CR) stands in a cell without quotation marks"
    return error


def named_rows(
    path: Path,
    rows: Iterator[Row],
    layout: Layout,
    columns: Columns,
    header: bool | None,
    notes: list[str],
) -> tuple[Naming | None, Iterator[Fields]]:
    """What the columns are, and each row by its fields.

    Raises: DataError where the first line seems to name columns, and not as they are known
    """
    ahead, rows = peeked(rows, AHEAD)
    good = [row for _, row in ahead if not isinstance(row, BadRow) and any(map(str.strip, row))]
    naming = naming_of(path, good, layout, columns, header) if good else None
    if naming is not None and naming.header:
        number, row = next((i, row) for i, row in ahead if row is good[0])
        rows = (each for each in rows if each[1] is not row)
        notes += _notes(naming, good[0], number)
    return naming, _by_field(rows, layout, naming)


def _notes(naming: Naming, first: Sequence[str], number: int) -> list[str]:
    """What is guessed of a header: that a single cell is one, which columns are not read."""
    unread = [
        name
        for name, field in zip(first, naming.fields, strict=False)
        if field is None and name.strip()
    ]
    if len(naming.fields) == 1 or naming.titles != tuple(cell.strip() for cell in first):
        return [f"line {number} ({', '.join(first):.80}) is taken for the names of the columns"]
    return [f"columns that are not read: {', '.join(unread):.200}"] if unread else []


def _by_field(rows: Iterable[Row], layout: Layout, naming: Naming | None) -> Iterator[Fields]:
    first = {field: names[0] for field, names in layout.names.items()}
    fields = None if naming is None else tuple(first.get(f or "") for f in naming.fields)
    titles: Sequence[str] = () if naming is None else naming.titles
    for number, row in rows:
        if isinstance(row, BadRow):
            yield number, row
        elif not any(cell.strip() for cell in row):
            yield number, BadRow("The line is empty.")
        elif fields is not None and len(fields) != len(row):
            due = f"{len(fields)} as before ({', '.join(titles)})"
            yield number, BadRow(f"The number of columns is {len(row)}, not {due}.{_hint(row)}")
        elif fields := fields or layout.columns.get(len(row)):
            titles = titles or [name or "_" for name in fields]
            yield number, {n: cell for n, cell in zip(fields, row, strict=True) if n is not None}
        else:
            known = layout.columns.items()
            due = " or ".join(f"{count} ({', '.join(names)})" for count, names in known)
            yield number, BadRow(f"The number of columns is {len(row)}, not {due}.{_hint(row)}")


def _hint(row: Sequence[str]) -> str:
    """What may be wrong with a row of one cell, or of too many."""
    if len(row) == 1 and "," in row[0]:
        return " Commas stand where tabs are due; a file with commas is a .csv."
    if len(row) == 1 and len(row[0].split("  ")) > 1:
        return " Spaces stand where a tab is due."
    return ""


def fasttext_rows(lines: Iterator[Line]) -> Iterator[Fields]:
    """fastText's lines: words, among which those that begin with __label__ are labels."""
    for number, line in lines:
        if isinstance(line, BadRow):
            yield number, line
            continue
        words = line.split()
        labels = [word.removeprefix(FASTTEXT) for word in words if word.startswith(FASTTEXT)]
        text = " ".join(word for word in words if not word.startswith(FASTTEXT))
        yield number, {"text": text, "label": labels}


def is_fasttext(path: Path) -> bool:
    """Whether a file has lines of fastText."""
    first = next((line for _, line in lines_in(path) if line.strip()), "")
    return first.lstrip().startswith(FASTTEXT)


def has_columns(path: Path) -> bool:
    """Whether tabs make columns of the first lines of a file, or fastText's labels stand there."""
    lines = [line for _, line in islice(lines_in(path), AHEAD) if line.strip()]
    good = [line for line in lines if not isinstance(line, BadRow)]
    return bool(good) and (
        all("\t" in line for line in good) or good[0].lstrip().startswith(FASTTEXT)
    )


def checked(fields: dict[str, Any] | BadRow) -> dict[str, Any]:
    """The fields of a row; raises BadExample for one that is none."""
    if isinstance(fields, BadRow):
        raise BadExample(str(fields))
    return fields
