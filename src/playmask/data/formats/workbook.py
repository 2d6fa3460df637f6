"""The first sheet of a workbook (.xlsx): its rows as cells of text."""

import datetime
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from playmask.errors import DataError

SUFFIX = ".xlsx"
DAMAGE = (
    OSError, EOFError, zipfile.BadZipFile, zlib.error, SyntaxError, NotImplementedError,
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError,
)  # fmt: skip
"""What openpyxl raises for a file that is no workbook, or a damaged one; XML's errors are of
SyntaxError."""


def sheet_rows(path: Path, notes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows of the first sheet that are not empty, each as wide as the first, by their numbers.

    Formulas have the values that were saved with them; whole numbers have no fraction.
    notes: where it is said which sheet is read, of several
    Raises: DataError for a file that is no workbook, naming the row from which on it is damaged,
            and where the library that reads workbooks is not installed
    """
    book = _opened(path)
    sheets = book.worksheets
    if not sheets:
        raise DataError(f"{path}: The workbook has no sheet of cells.")
    if len(sheets) > 1:
        notes.append(f"of {len(sheets)} sheets the first is read, {sheets[0].title!r:.60}")
    return _rows(path, sheets[0])


def _opened(path: Path) -> Any:
    try:
        load = import_module("openpyxl").load_workbook
    except ImportError:
        raise DataError(
            f"{path}: Workbooks need the library openpyxl: pip install 'playmask[xlsx]'; or save "
            "the table as .csv."
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions, which hold no cells
            return load(path, read_only=True, data_only=True)
    except FileNotFoundError:
        raise DataError(f"{path}: There is no such file.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: This is a folder; name one of its files.") from None
    except DAMAGE as error:
        raise DataError(
            f"{path}: The file is no workbook that can be read ({error!s:.200})."
        ) from None


def _rows(path: Path, sheet: Any) -> Iterator[tuple[int, list[str]]]:
    width, number = 0, 0
    sheet.reset_dimensions()  # what the file says of them may be wrong
    values = sheet.iter_rows(values_only=True)
    while True:
        try:
            row = next(values, None)
        except DAMAGE as error:
            raise DataError(
                f"{path}:{number + 1}: The workbook is damaged here ({error!s:.200})."
            ) from None
        if row is None:
            return
        number += 1
        cells = [_text(value) for value in row]
        while cells and not cells[-1].strip():
            cells.pop()
        width = width or len(cells)
        if cells:
            yield number, cells + [""] * (width - len(cells))


def _text(value: Any) -> str:
    """A cell as it is written."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)
