"""Inputs for prediction, from tables or competitions' files: texts, pairs, sources, questions."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.columns import PLAIN, Columns
from playmask.data.examples import Example, Examples
from playmask.data.formats.mention_json import text_of
from playmask.data.formats.mention_table import TABLES, is_mention_table
from playmask.data.formats.tag_columns import begins_document, has_tag
from playmask.data.gathering import OBJECTS, gather, suffix_of
from playmask.data.json_objects import objects_of
from playmask.data.mentions import COLUMNS as TAG_COLUMNS
from playmask.data.mentions import read_mentions
from playmask.data.passages import read_passages
from playmask.data.readers import FORMATS, Plan, read_by, read_pairs
from playmask.data.tables import AHEAD, has_columns, lines_in
from playmask.errors import DataError

TAGGED = {*TAG_COLUMNS, ".ann"} - {*FORMATS}
"""The formats of mentions, which hold no texts for prediction."""

SINGLE = {1: ("text",), 2: ("text", "label")}
"""The columns of a table of single texts that names none; of pairs they are PLAIN's."""


class Identified(NamedTuple):
    """A text, and how a competition calls it."""

    text: str
    id: str = ""


def is_table(path: Path) -> bool:
    """Whether a file is a table, by its suffix, a .txt by its tabs; else it holds a text a line.

    Raises: DataError for a format that holds tags, not texts
    """
    suffix = suffix_of(path)
    if suffix in TAGGED:
        raise _holds_tags(path, f"The format {suffix!r}")
    return has_columns(path) if suffix == ".txt" else suffix in FORMATS


def refuse_tags(path: Path) -> None:
    """Refuse a .txt in which tokens and their tags stand, as taggers learn from them."""
    if suffix_of(path) != ".txt":
        return
    lines = [line for _, line in islice(lines_in(path), AHEAD) if line.strip()]
    if lines and all(has_tag(line) or begins_document(line) for line in lines):
        raise _holds_tags(path, "The file")


def _holds_tags(path: Path, what: str) -> DataError:
    known = ".txt with one text a line, " + ", ".join(n for n in FORMATS if n != ".txt")
    return DataError(
        f"{path}: {what} holds tags, not texts; what can be predicted is {known} (+ .gz)."
    )


def read_table(
    path: Path,
    columns: Columns = None,
    *,
    pairs: bool | None = None,
    is_label: Callable[[str], bool] = lambda cell: False,
    separator: str | None = None,
    skip_bad: bool = False,
) -> Examples[Example]:
    """Read a table of texts or pairs, as training and evaluation read it.

    pairs: whether the task takes pairs; None where nobody knows. It decides what the second of
    two nameless columns is; else what it holds does: nothing but labels, or the texts' pairs.
    is_label: whether a cell may be a label; separator: between the labels of a text
    """
    columned = PLAIN._replace(columns=SINGLE) if pairs is False else PLAIN
    layout = columned._replace(separator=separator)
    examples, naming = read_by(path, Plan(layout, None, columns, None, skip_bad))
    if pairs or naming is not None or suffix_of(path) in OBJECTS:
        return examples
    if pairs is False:
        _check_labels(path, examples, is_label, separator)
    elif all(e.pair is not None and e.label is None and is_label(e.pair) for e in examples):
        examples[:] = [Example(e.text, None, e.pair) for e in examples]
    return examples


def _check_labels(
    path: Path, examples: Examples[Example], is_label: Callable[[str], bool], separator: str | None
) -> None:
    """See that the second column of a table of single texts holds labels."""
    for example in examples:
        label = example.label
        cell = (separator or "").join(label) if isinstance(label, tuple) else label
        if cell is not None and not is_label(cell):
            raise DataError(
                f"{path} has a second column that is none of the labels ({cell!r:.40}), and the "
                "task takes single texts; name the columns, such as --columns text,_."
            )


def read_sources(
    path: Path, columns: Columns = None, *, skip_bad: bool = False
) -> Examples[Example]:
    """Read a table of sources; the targets that it may have are left out."""
    pairs = read_pairs(path, targets=False, columns=columns, skip_bad=skip_bad)
    pairs[:] = [Example(each.text) for each in pairs]
    return pairs


def read_questions(path: Path, columns: Columns = None, *, skip_bad: bool = False) -> Examples[Any]:
    """Read a competition's file, or a table of questions and passages as `text` and `pair`."""
    if suffix_of(path) in OBJECTS:
        return read_passages(path, located=False, columns=columns, skip_bad=skip_bad)
    return read_table(path, columns, pairs=True, skip_bad=skip_bad)


def read_texts(path: Path, columns: Columns = None, *, skip_bad: bool = False) -> Examples[Any]:
    """Read texts under any of their names with an `id` from JSON, or a table of texts, or mentions.

    Mentions that a file names beside the texts are left out.
    """
    suffix = suffix_of(path)
    if suffix in TABLES and is_mention_table(path, columns):
        return read_mentions(path, columns=columns, skip_bad=skip_bad)
    if suffix not in OBJECTS:
        return read_table(path, columns, pairs=False, skip_bad=skip_bad)

    def of(fields: dict[str, Any]) -> Identified:
        return Identified(text_of(fields), str(fields.get("id", "")))

    return gather(path, objects_of(path, of, columns), skip_bad=skip_bad)
