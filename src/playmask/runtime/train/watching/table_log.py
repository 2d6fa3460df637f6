"""Logs that are files of text: CSV, and lines of JSON."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from playmask.errors import DataError
from playmask.files import make_directory, replacing, writing

STEPS, EPOCHS, LINES = "steps.csv", "epochs.csv", "run.jsonl"
COLUMNS = "step", "epoch", "seconds"  # of every row, before what it measures


class CsvLog:
    """Two tables, `steps.csv` and `epochs.csv`, with a column of each value that any row has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables: list[_Table] = []

    def open(self, options: Mapping[str, Any], step: int) -> None:
        """Begin both tables, or cut off what came after a step."""
        make_directory(self.folder)
        self.tables = [_Table(self.folder / name, step) for name in (STEPS, EPOCHS)]

    def write_step(self, step: int, values: Mapping[str, float]) -> None:
        """Add a row to `steps.csv`."""
        self.tables[0].write({"step": step, **values})

    def write_epoch(self, step: int, values: Mapping[str, float]) -> None:
        """Add a row to `epochs.csv`."""
        self.tables[1].write({"step": step, **values})

    def close(self) -> None:
        """Close both tables."""
        for table in self.tables:
            table.file.close()


class _Table:
    """A table that grows row by row; a resumed training may measure what the first did not."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        rows = read_table(path, until=step) if step else []
        self.columns: list[str] = [*rows[0]] if rows else []
        self.file = self._rewritten(rows)

    def _rewritten(self, rows: Sequence[Mapping[str, float]]) -> TextIO:
        with (
            replacing(self.path) as (beside,),
            beside.open("w", newline="", encoding="utf-8") as out,
        ):
            if self.columns:
                self._writer(out).writeheader()
                self._writer(out).writerows(rows)
        return self.path.open("a", newline="", encoding="utf-8")

    def _writer(self, out: TextIO) -> "csv.DictWriter[str]":
        return csv.DictWriter(out, self.columns, lineterminator="\n")

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row, and before it the columns that only it has."""
        with writing(self.path):
            new = [name for name in row if name not in self.columns]
            if new:
                self.file.close()
                rows = read_table(self.path)
                self.columns += new
                self.file = self._rewritten(rows)
            self._writer(self.file).writerow(row)
            self.file.flush()


def read_table(path: Path, *, until: int | None = None) -> list[dict[str, float]]:
    """The rows of a table that `CsvLog` wrote, up to a step; none where there is no such file.

    A cell that is empty is not a number (nan); a row that a killed process has left unfinished is
    left out.
    Raises: DataError for another file than such a table
    """
    if not path.is_file():
        return []
    lines = path.read_text("utf-8", "replace").splitlines(keepends=True)
    header, *rows = [*csv.reader(line for line in lines if line.endswith("\n"))] or [list(COLUMNS)]
    if not {*COLUMNS} <= {*header}:
        raise DataError(
            f"{path}: a log begins with the names of its columns, {', '.join(COLUMNS)} and others, "
            f"not with {','.join(header)[:80]!r}; remove it to go on without."
        )
    table = [_numbers(path, number, header, row) for number, row in enumerate(rows, 2)]
    return [row for row in table if until is None or row["step"] <= until]


def steps_in(folder: Path) -> dict[str, list[float]]:
    """What the tables of a folder say of steps, by name; "epochs" is where each stands.

    Empty where there are none.
    """
    steps, ends = (read_table(folder / name) for name in (STEPS, EPOCHS))
    if not steps or not ends:
        return {}
    length = ends[-1]["step"] / ends[-1]["epoch"]  # steps of an epoch
    names = [name for name in steps[0] if name not in COLUMNS]
    series = {name: [row[name] for row in steps] for name in names}
    return {"epochs": [row["step"] / length for row in steps], **series}


def _numbers(path: Path, line: int, header: Sequence[str], row: Sequence[str]) -> dict[str, float]:
    try:
        numbers = {name: _number(value) for name, value in zip(header, row, strict=True)}
        if not numbers["step"] >= numbers["epoch"] >= 1:
            raise ValueError
    except ValueError:
        raise DataError(
            f"{path}, line {line}: a row of a log has {len(header)} numbers, steps and epochs from "
            f"1, not {','.join(row)[:80]!r}; remove the file to go on without."
        ) from None
    return numbers


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text or "nan")


class JsonLinesLog:
    """One file, `run.jsonl`: a line of the options, then one of each step and each epoch."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LINES
        self.file: TextIO | None = None

    def open(self, options: Mapping[str, Any], step: int) -> None:
        """Begin the file, or cut off what came after a step."""
        make_directory(self.path.parent)
        lines = _until(self.path, step) if step else []
        with replacing(self.path) as (beside,):
            beside.write_text("".join(lines), "utf-8")
        self.file = self.path.open("a", encoding="utf-8")
        self._write({"event": "resume" if step else "begin", "step": step, "options": options})

    def write_step(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line."""
        self._write({"event": "step", "step": step, **_finite(values)})

    def write_epoch(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line."""
        self._write({"event": "epoch", "step": step, **_finite(values)})

    def _write(self, value: Mapping[str, Any]) -> None:
        with writing(self.path):
            assert self.file is not None
            self.file.write(json.dumps(value, ensure_ascii=False) + "\n")
            self.file.flush()

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """What is not finite as null, since JSON has no such number."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _until(path: Path, step: int) -> list[str]:
    """The lines of a file up to a step; an unfinished one is left out."""
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text("utf-8", "replace").splitlines(keepends=True):
        try:
            if json.loads(line)["step"] <= step and line.endswith("\n"):
                lines.append(line)
        except (ValueError, LookupError, TypeError):
            continue
    return lines
