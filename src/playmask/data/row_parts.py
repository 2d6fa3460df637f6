"""Rows of files in parts: for what reads more than memory holds, and hands all columns on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playmask.data.columns import is_name
from playmask.data.formats import parquet
from playmask.data.formats.workbook import SUFFIX as WORKBOOK
from playmask.data.gathering import BadExample, suffix_of, unknown_format
from playmask.data.json_objects import parsed
from playmask.data.streams import groups_of
from playmask.data.tables import BadRow, has_columns, lines_in, rows_of
from playmask.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Fields = dict[str, Any]
PlacedRow = tuple[int, Fields | BadRow]
"""A row by its columns, or the reason why it is none, with the line where it begins."""


@dataclass(frozen=True)
class RowPart:
    """Some rows of a file that follow each other.

    file: the number of the file among those that are read; first: how many of its rows stand
    before these; places: the line of each, or in a Parquet file its number, from 1; rows: by their
    columns, those of a Parquet file as a table of Arrow
    """

    path: Path
    file: int
    first: int
    places: tuple[int, ...]
    rows: "list[Fields | BadRow] | pa.Table"

    def __len__(self) -> int:
        return len(self.places)

    @property
    def name(self) -> str:
        """A name that sorts as the parts follow each other."""
        return f"part-{self.file:04}-{self.first:012}"

    @property
    def objects(self) -> list[Fields | BadRow]:
        """The rows by their columns, or the reasons why they are none."""
        return self.rows if isinstance(self.rows, list) else self.rows.to_pylist()

    def place_of(self, row: int) -> str:
        """Where a row stands, as errors about it begin."""
        return f"{self.path}:{self.places[row]}"


def files_in(path: Path) -> list[Path]:
    """A file of rows itself, or those of a folder by name, all of one format.

    Raises: DataError for a path that is neither, an unknown format, and several formats
    """
    files = sorted(f for f in path.iterdir() if _counts(f)) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} is a folder without files.")
    for file in files:
        if suffix_of(file) not in FORMATS:
            raise unknown_format(file, FORMATS)
        if not file.is_file():
            raise DataError(f"{file} does not exist.")
    suffixes = sorted({suffix_of(file) for file in files})
    if len(suffixes) > 1:
        raise DataError(f"{path} holds files of several formats ({', '.join(suffixes)}).")
    return files


def _counts(file: Path) -> bool:
    """Whether a file of a folder is one of its data; others begin with a mark, as of Spark."""
    return file.is_file() and not file.name.startswith(("_", "."))


def is_parquet(path: Path) -> bool:
    """Whether a file is a Parquet file, by its name."""
    return path.suffix.lower() == PARQUET


def parts_of(files: Iterable[Path], size: int) -> Iterator[RowPart]:
    """The rows of files, so many at a time; a part is of one file.

    Raises: DataError naming the file that cannot be read
    """
    for number, path in enumerate(files):
        yield from parts_in(path, number, size)


def parts_in(path: Path, number: int, size: int) -> Iterator[RowPart]:
    """The rows of a file, which has a number among others, so many at a time."""
    first = 0
    for places, rows in _groups(path, size):
        yield RowPart(path, number, first, tuple(places), rows)
        first += len(rows)


def _groups(path: Path, size: int) -> Iterator[tuple[Iterable[int], Any]]:
    if is_parquet(path):
        first = 1
        for table in parquet.tables_of(path, size):
            yield range(first, first + len(table)), table
            first += len(table)
        return
    for group in groups_of(LINES[suffix_of(path)](path), size):
        yield (place for place, _ in group), [row for _, row in group]


def json_rows(path: Path) -> Iterator[PlacedRow]:
    """The objects of a file that has one a line."""
    for number, line in lines_in(path):
        yield number, line if isinstance(line, BadRow) else _object(line)


def _object(line: str) -> Fields | BadRow:
    try:
        value = parsed(line)
    except BadExample as error:
        return BadRow(str(error))
    return value if isinstance(value, dict) else BadRow(f"The line is {line!r:.60}, no object.")


def text_rows(path: Path) -> Iterator[PlacedRow]:
    """The lines of a file that has one text a line, as a column `text`."""
    if has_columns(path):
        raise DataError(
            f"{path}: Tabs make columns of its lines; name it .tsv, and the columns in its first "
            "line, such as text."
        )
    for number, line in lines_in(path):
        if isinstance(line, BadRow):
            yield number, line
        elif line.strip():
            yield number, {"text": line}
        else:
            yield number, BadRow("The line is empty; each line must hold one text.")


def table_rows(path: Path) -> Iterator[PlacedRow]:
    """The rows of a CSV, TSV or workbook, whose first line names the columns.

    Raises: DataError for a first line that does not
    """
    rows = rows_of(path, quoted=suffix_of(path) == ".csv", notes=[])
    number, head = next(rows, (1, BadRow("The file is empty.")))
    if isinstance(head, BadRow):
        raise DataError(f"{path}:{number}: {head}")
    titles = [cell.strip() for cell in head]
    if len({*titles}) < len(titles) or not all(titles) or not all(map(is_name, titles)):
        raise DataError(
            f"{path}:{number}: The line is {', '.join(titles)!r:.80}; the first line must name the "
            "columns, each by a name of its own, such as id,text."
        )
    for number, row in rows:
        yield number, row if isinstance(row, BadRow) else _named(titles, row)


def _named(titles: list[str], row: list[str]) -> Fields | BadRow:
    if len(row) != len(titles):
        due = f"{len(titles)} as in the first line ({', '.join(titles)})"
        return BadRow(f"The number of columns is {len(row)}, not {due:.300}.")
    return dict(zip(titles, row, strict=True))


LINES: dict[str, Callable[[Path], Iterator[PlacedRow]]] = {
    ".jsonl": json_rows,
    ".ndjson": json_rows,
    ".csv": table_rows,
    ".tsv": table_rows,
    WORKBOOK: table_rows,
    ".txt": text_rows,
}
"""What reads the rows of a format of lines, which may be gzipped (`.gz`)."""

PARQUET = ".parquet"
FORMATS = (PARQUET, *LINES)
