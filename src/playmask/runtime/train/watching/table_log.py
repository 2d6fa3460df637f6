"""Logs that are files of text: CSV, and lines of JSON."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from playmask.files import make_directory, replacing, writing

STEPS, EPOCHS, LINES = "steps.csv", "epochs.csv", "run.jsonl"


class CsvLog:
    """Two tables, `steps.csv` and `epochs.csv`; their columns are those of the first row."""

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
    """A table that grows row by row."""

    def __init__(self, path: Path, step: int) -> None:
        rows = read_table(path, until=step) if step else []
        self.columns: Sequence[str] = [*rows[0]] if rows else []
        with replacing(path) as (beside,), beside.open("w", newline="", encoding="utf-8") as out:
            if rows:
                self._writer(out).writeheader()
                self._writer(out).writerows(rows)
        self.path = path
        self.file = path.open("a", newline="", encoding="utf-8")

    def _writer(self, out: TextIO) -> "csv.DictWriter[str]":
        return csv.DictWriter(out, self.columns, extrasaction="ignore", lineterminator="\n")

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row, with the header before the first."""
        with writing(self.path):
            if not self.columns:
                self.columns = [*row]
                self._writer(self.file).writeheader()
            self._writer(self.file).writerow(row)
            self.file.flush()


def read_table(path: Path, *, until: int | None = None) -> list[dict[str, float]]:
    """The rows of a table that `CsvLog` wrote, up to a step; none where there is no such file.

    A row that a killed process has left unfinished is left out.
    """
    if not path.is_file():
        return []
    lines = path.read_text("utf-8", "replace").splitlines(keepends=True)
    table = csv.DictReader(line for line in lines if line.endswith("\n"))
    rows = [{name: _number(value) for name, value in row.items()} for row in table]
    return [row for row in rows if until is None or row.get("step", math.inf) <= until]


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)


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
