"""Parquet files: tables of Arrow in parts, and columns of answers beside those that came."""

import json
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playmask.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def arrow(module: str = "pyarrow") -> Any:
    """A module of pyarrow.

    Raises: DataError where it is not installed
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DataError(
            f"Parquet files need the library pyarrow: pip install 'playmask[bulk]' ({error})."
        ) from None


def _opened(path: Path) -> Any:
    try:
        return arrow("pyarrow.parquet").ParquetFile(path)
    except (OSError, arrow().ArrowException) as error:
        raise DataError(
            f"{path}: The file is no Parquet file that can be read ({error})."
        ) from None


def row_count(path: Path) -> int:
    """How many rows a file has, as it says itself."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def tables_of(path: Path, size: int) -> Iterator["pa.Table"]:
    """The rows of a file, so many at a time; the last of what is left.

    Raises: DataError naming the rows that cannot be read
    """
    pa, first = arrow(), 0
    with _opened(path) as file:
        batches, waiting, count = file.iter_batches(size), list[Any](), 0
        while True:
            try:
                batch = next(batches, None)
            except (OSError, ValueError, pa.ArrowException) as error:
                raise DataError(
                    f"{path}: The rows from {first + count + 1:,} on cannot be read ({error})."
                ) from None
            while batch is not None and count + len(batch) >= size:
                waiting.append(batch.slice(0, size - count))
                batch = batch.slice(size - count)
                yield pa.Table.from_batches(waiting)
                first, waiting, count = first + size, [], 0
            if batch is None:
                break
            if len(batch):
                waiting.append(batch)
                count += len(batch)
        if waiting:
            yield pa.Table.from_batches(waiting)


def answered(table: "pa.Table", rows: Sequence[int], answers: Sequence[dict[str, Any]]) -> Any:
    """Some rows of a table with the answers to them as further columns.

    Texts, numbers, lists of numbers and numbers by the same names in all rows (probabilities) come
    as such, all else as JSON. A column of the name of one of an answer's is called `input_…`.
    """
    part = table.take(rows)
    names = [*dict.fromkeys(name for answer in answers for name in answer)]
    part = part.rename_columns([renamed(column, names) for column in part.column_names])
    for name in names:
        values = [answer.get(name) for answer in answers]
        part = part.append_column(name, _column(values))
    return part


def renamed(column: str, names: Sequence[str]) -> str:
    """What a column of the input is called beside an answer's of some names."""
    while column in names:
        column = f"input_{column}"
    return column


def write(file: Path, table: "pa.Table") -> None:
    """Write a table."""
    arrow("pyarrow.parquet").write_table(table, file)


def _column(values: Sequence[Any]) -> Any:
    pa, there = arrow(), [value for value in values if value is not None]
    for fits, kind in KINDS:
        if there and all(map(fits, there)) and (kind != "struct" or len({*map(tuple, there)}) == 1):
            return pa.array(values, _type(kind, there))
    texts = [value if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    return pa.array(texts, pa.string())


def _type(kind: str, values: Sequence[Any]) -> Any:
    """The type of Arrow that some values of a kind have."""
    pa = arrow()
    if kind == "struct":
        return pa.struct([(name, pa.float64()) for name in values[0]])
    return pa.list_(pa.float64()) if kind == "list" else kind


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_number, value))


def _is_scores(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_number, value.values()))


KINDS: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (lambda value: isinstance(value, str), "string"),
    (lambda value: isinstance(value, bool), "bool"),
    (lambda value: _is_number(value) and isinstance(value, int), "int64"),
    (_is_number, "float64"),
    (_is_numbers, "list"),
    (_is_scores, "struct"),
)
"""Which values make a column of a type, the first that fits all."""
