"""Readers of texts: TSV, CSV and JSONL files, plain or gzipped, and lines from a stream.

Every line is checked before anything is returned; an error names the file and the line.
"""

import csv
import json
import math
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.examples import Example, Examples
from playmask.data.gathering import BadExample, check_labels, gather, suffix_of
from playmask.data.lines import Line, Report, numbered, read_lines
from playmask.errors import DataError, InputError, nearest

# The names under which files give the three fields; the first one present is taken.
NAMES = {
    "text": "text text_a text1 sentence sentence1 review content premise 文本 句子 评论".split(),
    "pair": "pair text_b text2 sentence2 hypothesis 文本2 句子2".split(),
    "label": "label labels class category score 标签 类别 分类 分数".split(),
}
FIELD = {name: field for field, names in NAMES.items() for name in names}
IGNORED = {"id", "qid", "idx", "index", "guid", "_"}
COLUMNS = {2: ("text", "label"), 3: ("text", "pair", "label")}
UNLABELLED = {1: ("text",), 2: ("text", "pair"), 3: ("text", "pair", "label")}
SOURCES = {
    "text": "source src input question text 源文 问题".split(),
    "pair": "target tgt output answer summary pair 目标 译文 答案 摘要".split(),
    "label": NAMES["label"],
}
FORMATS = {".tsv": "tsv", ".data": "tsv", ".txt": "tsv", ".csv": "csv"}
FORMATS |= dict.fromkeys((".jsonl", ".json", ".ndjson"), "jsonl")


class Layout(NamedTuple):
    """What the lines of a file hold.

    names: those of each field, the first one present is taken; columns: of a table that names
    none, by their number; needed: the fields that no line may lack; separator: what stands between
    the labels of a text that may have several (None = it has one)
    """

    names: dict[str, list[str]]
    columns: dict[int, tuple[str, ...]]
    needed: tuple[str, ...]
    separator: str | None = None

    @property
    def field(self) -> dict[str, str]:
        """The field of each name."""
        return {name: field for field, names in self.names.items() for name in names}


LABELLED = Layout(NAMES, COLUMNS, ("text", "label"))
PLAIN = Layout(NAMES, UNLABELLED, ("text",))
PAIRS = Layout(SOURCES, {2: ("source", "target")}, ("text", "pair"))
ALONE = Layout(SOURCES, {1: ("source",), 2: ("source", "target")}, ("text",))


Row = tuple[int, list[str]]


def read_examples(
    path: str | Path,
    *,
    labelled: bool = True,
    labels: Collection[str] | None = None,
    separator: str | None = None,
    columns: Sequence[str] | None = None,
    header: bool | None = None,
    skip_bad: bool = False,
) -> Examples[Example]:
    """Read the examples of a file, all of them or none.

    The suffix names the format; `.gz` may follow it. TSV and CSV hold `text, label` or
    `text, pair, label`, unless `columns` (with "_" for a column to ignore) or a first line made of
    known column names says otherwise; `header` forces or denies that line. JSONL holds one
    object a line. Fields of a TSV are taken literally; those of a CSV may be quoted (RFC 4180).

    labelled: False reads input for prediction: `text` or `text, pair`; a `.txt` then holds one
        text per line. A label that a named column or a JSONL key gives is kept.
    labels: the labels allowed
    separator: what stands between the labels of a text, which may have several or none; JSONL may
        have lists of them. Each example's label then is a tuple.
    skip_bad: leave bad lines out and list them in `.skipped`
    Raises:  DataError naming file and line, also where no good line is left
    """
    layout = (LABELLED if labelled else PLAIN)._replace(separator=separator)
    return _read(path, layout, labels, columns, header, skip_bad)


def read_pairs(
    path: str | Path,
    *,
    targets: bool = True,
    columns: Sequence[str] | None = None,
    header: bool | None = None,
    skip_bad: bool = False,
) -> Examples[Example]:
    """Read sources and their targets, as `text` and `pair`, from a file of any known format.

    targets: False reads input for prediction, where targets may be missing
    Raises:  DataError naming file and line, also where no good line is left
    """
    return _read(path, PAIRS if targets else ALONE, None, columns, header, skip_bad)


def _read(
    path: str | Path,
    layout: Layout,
    labels: Collection[str] | None,
    columns: Sequence[str] | None,
    header: bool | None,
    skip_bad: bool,
) -> Examples[Example]:
    """Read the lines of a file by its layout, all of them or none."""
    path, skipped = Path(path), []

    def report(number: int, reason: str) -> None:
        reason = f"{path}:{number}: {reason}"
        if not skip_bad:
            raise DataError(reason)
        skipped.append(reason)

    lines = numbered(read_lines(path), report)
    kind = _kind(path, plain=layout.columns is UNLABELLED and columns is None)
    if kind == "jsonl":
        if columns is not None or header is not None:
            raise InputError(f"{path}: columns= and header= are for TSV and CSV, not for JSONL.")
        objects = _json_objects(lines, report)
    else:
        rows = csv_rows(lines, report) if kind == "csv" else _split_rows(lines, kind)
        header = False if kind == "txt" and header is None else header
        objects = _named(rows, layout, columns, header, report)
    makers = ((number, partial(_example, fields, layout, labels)) for number, fields in objects)
    return gather(path, makers, skip_bad=skip_bad, skipped=skipped)


def _kind(path: Path, *, plain: bool) -> str:
    """Tell the format by the suffix; `plain` reads a .txt as one text per line."""
    suffix = suffix_of(path)
    if suffix not in FORMATS:
        next(read_lines(path), None)  # a missing file is the plainer error
        known = ", ".join(FORMATS)
        raise DataError(f"{path}: The format {suffix!r} is unknown; known are {known} (+ .gz).")
    return "txt" if suffix == ".txt" and plain else FORMATS[suffix]


def _split_rows(lines: Iterator[Line], kind: str) -> Iterator[Row]:
    for number, line in lines:
        yield number, line.split("\t") if kind == "tsv" else [line]


def csv_rows(lines: Iterator[Line], report: Report) -> Iterator[Row]:
    """Yield CSV rows, which may span lines, with the number of their first line."""
    last = 0

    def feed() -> Iterator[str]:
        nonlocal last
        for number, line in lines:
            last = number
            yield line if line.endswith("\n") else line + "\n"

    reader = csv.reader(feed(), strict=True)
    while True:
        first = last + 1
        try:
            yield first, next(reader) or [""]
        except StopIteration:
            return
        except csv.Error as error:
            report(first, f"The CSV quoting is broken: {error}.")


def _named(
    rows: Iterator[Row],
    layout: Layout,
    columns: Sequence[str] | None,
    header: bool | None,
    report: Report,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Name the cells of each row by `columns`, by the header line, or by their number."""
    known = layout.field
    for name in columns or ():
        if name not in known and name not in IGNORED:
            raise InputError(f"columns= names {name!r}.{nearest(name, known)}")
    for count, (number, row) in enumerate(rows):
        if count == 0:
            names = [cell.strip().lower() for cell in row]
            if header is None:
                header = "text" in map(known.get, names) and {*names} <= {*known, *IGNORED}
            if header:
                columns = columns or names
                continue
        if not any(cell.strip() for cell in row):
            report(number, "The line is empty.")
        elif columns is not None and len(columns) != len(row):
            expected = f"{len(columns)} as before ({', '.join(columns)})"
            report(number, f"The number of columns is {len(row)}, not {expected}.")
        elif columns := columns or layout.columns.get(len(row)):
            yield number, dict(zip(columns, row, strict=True))
        else:
            report(number, f"The number of columns is {len(row)}, {_expected(layout)}.")


def _expected(layout: Layout) -> str:
    known = layout.columns.items()
    return "not " + " or ".join(f"{count} ({', '.join(names)})" for count, names in known)


def _json_objects(lines: Iterator[Line], report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in lines:
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            report(number, f"The line is not JSON ({error}); each line must hold one object.")
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            report(number, f"A {type(value).__name__} came; each line must hold one JSON object.")


def _example(fields: dict[str, Any], layout: Layout, labels: Collection[str] | None) -> Example:
    """Check the fields of one line, which may bear any of their known names."""
    values: list[Any] = [
        next((fields[name] for name in names if fields.get(name) is not None), None)
        for names in layout.names.values()
    ]
    text, pair, label = values
    for name, value in (("text", text), ("pair", pair)):
        names = layout.names[name]
        if value is not None:
            _check_text(names[0], value)
        elif name in layout.needed:
            raise BadExample(f"The names {[*fields]} are none of a {names[0]}: {', '.join(names)}.")
    if label is None or (layout.separator is None and not str(label).strip()):
        if "label" in layout.needed:
            raise BadExample("The label is missing.")
        return Example(text, pair)
    several = _names(label, layout.separator)
    check_labels(several, labels)
    return Example(text, pair, several[0] if layout.separator is None else several)


def _names(label: Any, separator: str | None) -> tuple[str, ...]:
    """A label as one name, or as several where there is a separator."""
    if separator is None:
        return (_name(label),)
    listed = label if isinstance(label, list) else _name(label).split(separator)
    return tuple(name for name in map(_name, listed) if name)


def _name(label: Any) -> str:
    number = isinstance(label, int | float) and not isinstance(label, bool)
    if not isinstance(label, str) and not (number and math.isfinite(label)):
        raise BadExample(f"The label is {label!r:.60}; a string or a number is expected.")
    return str(label).strip()


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise BadExample(f"The {name} is {value!r:.40}; a string is expected.")
    if not value.strip():
        raise BadExample(f"The {name} is empty.")
