"""Texts with labelled mentions: what they are, and the files that hold them.

A mention is text[start:end]. Columns of tags (CoNLL, BIO, BMES), JSON lines, CLUENER and brat are
read; where a file states a mention's text too, it must be the one at the place.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from playmask.data.annotated import Annotated, check_mentions
from playmask.data.examples import Examples
from playmask.data.formats.brat import read_brat
from playmask.data.formats.mention_json import mentions_of_object
from playmask.data.formats.mention_table import TABLE, read_mention_table
from playmask.data.formats.tag_columns import read_tag_columns
from playmask.data.gathering import (
    OBJECTS,
    gather,
    objects_of,
    refuse_columns,
    suffix_of,
    unknown_format,
)

COLUMNS = (".bio", ".bioes", ".bmes", ".bmeso", ".conll", ".iob", ".iob2", ".txt", ".tsv")


def read_mentions(
    path: str | Path,
    *,
    labels: Collection[str] | None = None,
    columns: Sequence[str] | None = None,
    skip_bad: bool = False,
) -> Examples[Annotated]:
    """Read texts with mentions; the suffix names the format, and `.gz` may follow it.

    .bio, .bmes, .conll, .txt, .tsv …: a token and its tag on each line, an empty line between
    texts; more columns may stand between. .json, .jsonl: on each line an object with `text` and
    `mentions` (or `entities`, `spans`), each an object with `start`, `end` (behind the last
    character), `label` and perhaps `text`; or CLUENER's `label`, which counts its ends otherwise.
    .csv: a mention on each line, `text`, `start`, `end`, `label` and perhaps `mention`; those of
    one text one after another. .ann: brat's, beside its .txt.
    labels: those allowed; columns: of a .csv whose first line does not name them; skip_bad: leave
    bad texts out, of an .ann bad mentions, and list them in `.skipped`
    Raises: DataError naming file and line, also where no good text is left
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix != TABLE:
        refuse_columns(path, columns)
    if suffix == ".ann":
        return read_brat(path, labels, skip_bad)
    if suffix == TABLE:
        texts = read_mention_table(path, columns, labels)
    elif suffix in OBJECTS:
        texts = objects_of(path, mentions_of_object)
    elif suffix in COLUMNS:
        texts = read_tag_columns(path)
    else:
        raise unknown_format(path, (*COLUMNS, *OBJECTS, TABLE, ".ann"))
    checked = ((number, lambda make=make: check_mentions(make(), labels)) for number, make in texts)
    return gather(path, checked, skip_bad=skip_bad)
