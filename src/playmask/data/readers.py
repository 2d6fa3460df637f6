"""Readers of texts: tables (TSV, CSV, workbooks, fastText's lines) and JSON, plain or gzipped.

Every line is checked before anything is returned; an error names the file and the line.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from playmask.data.columns import (
    ALONE,
    LABELLED,
    PAIRS,
    PLAIN,
    Columns,
    Layout,
    Naming,
    pick,
    plain,
)  # fmt: skip
from playmask.data.examples import Example, Examples
from playmask.data.formats.workbook import SUFFIX as WORKBOOK
from playmask.data.gathering import (
    BadExample,
    Numbered,
    check_all,
    check_labels,
    gather,
    same_label,
    suffix_of,
    unknown_format,
    weighed,
)
from playmask.data.json_objects import objects_of
from playmask.data.streams import ExampleStream
from playmask.data.tables import (
    BadRow,
    Fields,
    checked,
    fasttext_rows,
    is_fasttext,
    lines_in,
    named_rows,
    rows_of,
)
from playmask.errors import InputError

FORMATS = {".tsv": "tsv", ".data": "tsv", ".txt": "tsv", ".csv": "csv", WORKBOOK: "workbook"}
FORMATS |= dict.fromkeys((".jsonl", ".json", ".ndjson"), "jsonl")
SHOWN, LISTED = 200, 8  # characters of names that an error quotes, names that it lists


def read_examples(
    path: str | Path,
    *,
    labelled: bool = True,
    labels: Collection[str] | None = None,
    separator: str | None = None,
    columns: Columns = None,
    header: bool | None = None,
    skip_bad: bool = False,
    lazily: bool = False,
) -> Examples[Example]:
    """Read the examples of a file, all of them or none.

    The suffix names the format; `.gz` may follow it. TSV and CSV hold `text, label` or
    `text, pair, label`, unless a first line that names these columns, or `columns`, says otherwise:
    in their order ("_" for one to ignore), or as "text=NAME" by what the header calls them.
    `header` forces or denies a line of names. JSON holds one object a line, or an array of them;
    what Label Studio and doccano write is read, and fastText's lines. Fields of a TSV are taken
    literally; those of a CSV may be quoted (RFC 4180). Of a workbook (.xlsx) the first sheet is
    read. Texts are in UTF-8, UTF-16 or GB 18030 (GBK); `.notes` say so where it is not UTF-8.

    labelled: False reads input for prediction: `text` or `text, pair`; a `.txt` then holds one
        text per line. A label that a named column or a JSON key gives is kept.
    labels: the labels allowed
    separator: what stands between the labels of a text, which may have several or none; JSON may
        have lists of them. Each example's label then is a tuple.
    skip_bad: leave bad lines out and list them in `.skipped`
    lazily: an ExampleStream, which reads the file each time that its examples are gone through
    Raises:  DataError naming file and line, also where no good line is left
    """
    layout = (LABELLED if labelled else PLAIN)._replace(separator=separator)
    plan = Plan(layout, labels, columns, header, skip_bad, lines=not labelled and columns is None)
    return _examples(path, plan, lazily=lazily)


def _examples(path: str | Path, plan: "Plan", *, lazily: bool) -> Examples[Example]:
    """The examples of a file; lazily: a stream of them, which is gone through in the same way."""
    if lazily:
        return cast(Examples[Example], stream_by(Path(path), plan))
    return read_by(Path(path), plan)[0]


def read_single(
    path: str | Path, *, columns: Columns = None, skip_bad: bool = False, lazily: bool = False
) -> Examples[Example]:
    """Read single texts, one a line in a .txt; labels beside them are left out.

    Raises: DataError naming file and line, also for a text that has another beside it
    """
    examples: Any = read_examples(
        path, labelled=False, columns=columns, skip_bad=skip_bad, lazily=lazily
    )
    return check_each(examples, _single, skip_bad=skip_bad)


def check_each(examples: Any, check: Any, *, skip_bad: bool) -> Examples[Example]:
    """Examples as a check takes them: those of a stream as they are read."""
    if isinstance(examples, ExampleStream):
        return cast(Examples[Example], examples.then(check))
    return check_all(examples, check, skip_bad=skip_bad)


def _single(example: Example) -> Example:
    if example.pair is not None:
        raise BadExample(
            f"There is a second column ({example.pair!r:.40}), and single texts are due; say which "
            "is the text, such as --columns text,_."
        )
    return Example(example.text)


def read_pairs(
    path: str | Path,
    *,
    targets: bool = True,
    columns: Columns = None,
    header: bool | None = None,
    skip_bad: bool = False,
    lazily: bool = False,
) -> Examples[Example]:
    """Read sources and their targets, as `text` and `pair`, from a file of any known format.

    targets: False reads input for prediction, where targets may be missing
    Raises:  DataError naming file and line, also where no good line is left
    """
    layout = PAIRS if targets else ALONE
    return _examples(path, Plan(layout, None, columns, header, skip_bad), lazily=lazily)


class Plan(NamedTuple):
    """How a file is read; fields as of `read_examples`; lines: a .txt has one text a line."""

    layout: Layout
    labels: Collection[str] | None = None
    columns: Columns = None
    header: bool | None = None
    skip_bad: bool = False
    lines: bool = False


def read_by(
    path: Path, plan: Plan, of: Callable[..., Any] | None = None
) -> tuple[Examples[Example], Naming | None]:
    """The examples of a file, and what the columns of a table are, where they are named.

    of: what takes the place of `example_of`, to make something else of the fields of a line
    """
    notes: list[str] = []
    naming, makers = makers_by(path, plan, notes, of)
    examples = gather(path, makers, skip_bad=plan.skip_bad)
    examples.notes += notes
    return examples, naming


def stream_by(path: Path, plan: Plan) -> ExampleStream[Example]:
    """The examples of a file, read line by line each time that they are gone through."""

    def makers(notes: list[str]) -> Numbered[Example]:
        return makers_by(path, plan, notes)[1]

    return ExampleStream(path, makers, skip_bad=plan.skip_bad)


def makers_by(
    path: Path, plan: Plan, notes: list[str], of: Callable[..., Any] | None = None
) -> tuple[Naming | None, Numbered[Example]]:
    """What the columns of a table are, and what makes each example of a file.

    notes: where it is said what was guessed; of: as of `read_by`
    """
    suffix = suffix_of(path)
    if suffix not in FORMATS:
        raise unknown_format(path, FORMATS)
    make = partial(of or example_of, layout=plan.layout, labels=plan.labels)
    if FORMATS[suffix] == "jsonl":
        if plan.header is not None:
            raise InputError(f"{path}: header= is for TSV and CSV, not for JSONL.")
        return None, objects_of(path, make, _json_columns(plan))
    naming, rows = _rows(path, plan, FORMATS[suffix], notes)
    return naming, ((number, partial(_of_row, row, make)) for number, row in rows)


def _rows(
    path: Path, plan: Plan, kind: str, notes: list[str]
) -> tuple[Naming | None, Iterator[Fields]]:
    if kind == "tsv" and is_fasttext(path):
        return None, fasttext_rows(lines_in(path))
    if plan.lines and suffix_of(path) == ".txt":
        each = ((i, x if isinstance(x, BadRow) else [x]) for i, x in lines_in(path))
        return named_rows(path, each, plan.layout, None, plan.header or False, notes)
    rows = rows_of(path, quoted=kind == "csv", notes=notes)
    return named_rows(path, rows, plan.layout, plan.columns, plan.header, notes)


def _json_columns(plan: Plan) -> Columns:
    """The names of JSON's fields, each by the spelling that is taken before all others.

    Those that are known need no field before them.
    """
    layout, known = plan.layout, plan.layout.field

    def named(column: str) -> str:
        field, mark, name = column.partition("=")
        if plain(field) not in known:
            return column
        return f"{layout.spellings(known[plain(field)])[0]}={name if mark else column}"

    return None if plan.columns is None else [named(each) for each in plan.columns if each != "_"]


def _of_row(row: Any, make: Any) -> Any:
    fields = checked(row)
    return weighed(make, fields, fields.get("weight"))


def example_of(
    fields: Mapping[str, Any], layout: Layout, labels: Collection[str] | None
) -> Example:
    """Check the fields of one line, which may bear any of their known names."""
    values = {field: pick(fields, layout.spellings(field)) for field in layout.names}
    text, pair, label = values["text"], values["pair"], values.get("label")
    if "label" not in layout.names and isinstance(pair, list) and len(pair) == 1:
        (pair,) = pair  # doccano's targets
    for field, value in (("text", text), ("pair", pair)):
        names = layout.names[field]
        if value is not None:
            _check_text(names[0], value)
        elif field in layout.needed:
            raise BadExample(
                f"The names {[*fields]!s:.{SHOWN}} are none of a {names[0]}: "
                f"{', '.join(names[:LISTED])} …; another is said as --columns {names[0]}=NAME."
            )
    several = _labels(label, layout.separator)
    if several is None:
        if "label" in layout.needed:
            raise BadExample("The label is missing.")
        return Example(text, pair)
    if labels is not None:
        several = tuple(same_label(name, labels) for name in several)
    check_labels(several, labels)
    return Example(text, pair, several[0] if layout.separator is None else several)


def _labels(label: Any, separator: str | None) -> tuple[str, ...] | None:
    """A label as one name, or as several where there is a separator; None where there is none."""
    if isinstance(label, dict) and "choices" in label:  # Label Studio's, of several choices
        label = label["choices"]
    if separator is not None:
        if label is None:
            return None
        listed = label if isinstance(label, list) else _name(label).split(separator)
        return tuple(name for name in map(_name, listed) if name)
    if isinstance(label, list) and len(label) < 2:
        label = label[0] if label else None
    if isinstance(label, list) and all(isinstance(each, str) for each in label):
        raise BadExample(
            f"The text has the labels {label!r:.60}; texts of several are learnt by --multiple."
        )
    if label is None or not str(label).strip():
        return None
    return (_name(label),)


def _name(label: Any) -> str:
    """The name of a label: JSON's true and false, and whole numbers without a fraction, as such."""
    if isinstance(label, bool):
        return str(label).lower()
    if isinstance(label, float) and math.isfinite(label):
        return str(int(label)) if label.is_integer() and abs(label) < 1e15 else str(label)
    if not isinstance(label, str | int):
        raise BadExample(f"The label is {label!r:.60}; a string or a number is expected.")
    return str(label).strip()


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise BadExample(f"The {name} is {value!r:.40}; a string is expected.")
    if not value.strip():
        raise BadExample(f"The {name} is empty.")
