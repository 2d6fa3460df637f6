"""Inputs for prediction, from tables or competitions' files: texts, pairs, sources, questions."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.examples import Example, Examples
from playmask.data.gathering import OBJECTS, field, gather, objects_of, refuse_columns, suffix_of
from playmask.data.lines import numbered, read_lines
from playmask.data.mentions import COLUMNS as TAG_COLUMNS
from playmask.data.passages import read_passages
from playmask.data.readers import FIELD, FORMATS, NAMES, read_examples, read_pairs
from playmask.errors import DataError

TAGGED = {*TAG_COLUMNS, ".ann"} - {*FORMATS}
"""The formats of mentions, which hold no texts for prediction."""

Columns = Sequence[str] | None


class Identified(NamedTuple):
    """A text, and how a competition calls it."""

    text: str
    id: str = ""


def is_table(path: Path) -> bool:
    """Whether a file is a table by its suffix; else it holds one text per line.

    Raises: DataError for a format that holds tags, not texts
    """
    suffix = suffix_of(path)
    if suffix in TAGGED:
        known = ".txt with one text a line, " + ", ".join(n for n in FORMATS if n != ".txt")
        raise DataError(
            f"{path}: The format {suffix!r} holds tags, not texts; what can be predicted is "
            f"{known} (+ .gz)."
        )
    return suffix in FORMATS and suffix != ".txt"


def read_table(
    path: Path,
    columns: Columns = None,
    *,
    pairs: bool | None = None,
    is_label: Callable[[str], bool] = lambda cell: False,
    separator: str | None = None,
    skip_bad: bool = False,
) -> Examples[Example]:
    """Read a table of texts or pairs.

    pairs: whether the task takes pairs; None where nobody knows. It decides what the second of
    two nameless columns is; else what it holds does: nothing but labels, or the texts' pairs.
    is_label: whether a cell may be a label; separator: between the labels of a text
    """
    examples = read_examples(
        path, labelled=False, separator=separator, columns=columns, skip_bad=skip_bad
    )
    if pairs or columns or not _two_nameless_columns(path, examples):
        return examples
    odd = next((e.pair for e in examples if not is_label(str(e.pair))), None)
    if odd is None:
        labelled = (Example(e.text, None, e.pair) for e in examples)
        return Examples(labelled, examples.skipped, examples.places, examples.path)
    if pairs is False:
        raise DataError(
            f"{path} has a second column that is none of the labels ({odd!r:.40}), and the task "
            "takes single texts; name the columns, such as --columns text,_."
        )
    return examples


def _two_nameless_columns(path: Path, examples: Examples[Example]) -> bool:
    if not all(e.pair is not None and e.label is None for e in examples):
        return False
    _, first = next(numbered(read_lines(path), lambda number, reason: None))
    if first.lstrip().startswith("{"):
        return False
    cells = first.replace(",", "\t").split("\t")
    return not any(cell.strip().strip('"').lower() in FIELD for cell in cells)


def read_sources(
    path: Path, columns: Columns = None, *, skip_bad: bool = False
) -> Examples[Example]:
    """Read a table of sources; the targets that it may have are left out."""
    pairs = read_pairs(path, targets=False, columns=columns, skip_bad=skip_bad)
    return Examples((Example(e.text) for e in pairs), pairs.skipped, pairs.places, path)


def read_questions(path: Path, columns: Columns = None, *, skip_bad: bool = False) -> Examples[Any]:
    """Read a competition's file, or a table of questions and passages as `text` and `pair`."""
    if suffix_of(path) in OBJECTS:
        return read_passages(path, located=False, columns=columns, skip_bad=skip_bad)
    return read_table(path, columns, pairs=True, skip_bad=skip_bad)


def read_texts(path: Path, columns: Columns = None, *, skip_bad: bool = False) -> Examples[Any]:
    """Read texts under any of their names with an `id` from JSON lines, or a table of texts."""
    if suffix_of(path) not in OBJECTS:
        return read_table(path, columns, pairs=False, skip_bad=skip_bad)
    refuse_columns(path, columns)

    def of(fields: dict[str, Any]) -> Identified:
        return Identified(field(fields, NAMES["text"]), str(fields.get("id", "")))

    return gather(path, objects_of(path, of), skip_bad=skip_bad)
