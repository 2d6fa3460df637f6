"""Texts with labelled mentions: what they are, and the files that hold them.

A mention is text[start:end]. Columns of tags (CoNLL, BIO, BMES), JSON lines, CLUENER and brat are
read; where a file states a mention's text too, it must be the one at the place.
"""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from playmask.data.annotated import Annotated, Mention, check_mentions
from playmask.data.columns import Columns
from playmask.data.examples import Examples
from playmask.data.formats.brat import SUFFIX as BRAT
from playmask.data.formats.brat import Document, is_brat, read_brat
from playmask.data.formats.joining import Join
from playmask.data.formats.mention_json import mentions_of_object
from playmask.data.formats.mention_table import TABLES, read_mention_table
from playmask.data.formats.segmented import is_segmented, read_segmented
from playmask.data.formats.tag_columns import WORD, read_tag_columns
from playmask.data.formats.uie import is_uie, read_uie
from playmask.data.gathering import (
    OBJECTS,
    Numbered,
    check_labels,
    gather,
    suffix_of,
    unknown_format,
)
from playmask.data.json_objects import first_object, objects_of
from playmask.errors import InputError

COLUMNS = (".bio", ".bioes", ".bmes", ".bmeso", ".conll", ".iob", ".iob2", ".txt", ".tsv")
SEGMENTED = (".txt", ".seg", ".utf8")
"""Files that may hold words between spaces, where no tags stand there."""


def read_mentions(
    path: str | Path,
    *,
    labels: Collection[str] | None = None,
    columns: Columns = None,
    join: Join = "script",
    skip_bad: bool = False,
) -> Examples[Annotated]:
    """Read texts with mentions; the suffix names the format, and `.gz` may follow it.

    .bio, .bmes, .conll, .txt, .tsv …: a token and its tag on each line, an empty line, -DOCSTART-
    or #doc between texts; more columns may stand between. Bare letters (B, M, E, S) mark words, and
    so do spaces in a .txt, .seg or .utf8 of Chinese without tags: their label is "word".
    .json, .jsonl: objects with `text` and `mentions` (or `entities`, `spans`), each an object with
    `start`, `end` (behind the last character), `label` and perhaps `text`; CLUENER's `label`, which
    counts its ends otherwise; exports of doccano and Label Studio; UIE's prompts; `tokens` with
    `ner_tags` that are names.
    .csv, .xlsx: a mention on each line, `text`, `start`, `end`, `label` and perhaps `mention`;
    those of one text one after another. .ann: brat's, beside its .txt; a
    folder of both is one data set.
    labels: those allowed; columns: of a .csv in their order, or "field=name"; join: what stands
    between tokens, see `joining_of`; skip_bad: leave bad texts out, of an .ann bad mentions, and
    list them in `.skipped`
    Raises: DataError naming file and line, also where no good text is left
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix not in (*TABLES, *OBJECTS) and columns is not None:
        raise InputError(f"{path}: columns= is for a table (.csv, .xlsx) or JSON.")
    if is_brat(path):
        item = partial(_of_brat, labels)
        return read_brat(path, "T", item, _whole_of_brat, skip_bad=skip_bad)
    notes: list[str] = []
    texts = _texts(path, labels, columns, join, notes)
    checked = ((number, lambda make=make: check_mentions(make(), labels)) for number, make in texts)
    examples = gather(path, checked, skip_bad=skip_bad)
    examples.notes += notes
    return examples


def _of_brat(labels: Collection[str] | None, document: Document, line: str) -> Mention:
    mention = document.mention(line)
    check_labels((mention.label,), labels)
    return mention


def _whole_of_brat(document: Document, mentions: Sequence[Mention]) -> Annotated:
    return Annotated(document.text, mentions)


def _texts(
    path: Path, labels: Collection[str] | None, columns: Columns, join: Join, notes: list[str]
) -> Numbered[Annotated]:
    """What makes the texts of a file, by its suffix and its first lines."""
    suffix = suffix_of(path)
    if suffix in TABLES:
        return read_mention_table(path, columns, labels, notes)
    if suffix in OBJECTS:
        if columns is None and is_uie(first_object(path)):
            return read_uie(path, notes)
        return objects_of(path, partial(mentions_of_object, join=join), columns)
    if suffix in SEGMENTED and is_segmented(path):
        notes.append(f"read as words between spaces, which get the label {WORD!r}")
        return read_segmented(path)
    if suffix in COLUMNS:
        return read_tag_columns(path, join)
    raise unknown_format(path, (*COLUMNS, *OBJECTS, *TABLES, BRAT))
