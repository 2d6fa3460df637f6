"""brat's standoff files: mentions in an .ann beside a .txt."""

import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

from playmask.data.annotated import Annotated, Mention, check_mentions
from playmask.data.examples import Examples
from playmask.data.gathering import (
    BadExample,
    gather,
    lines_of,
)
from playmask.data.lines import read_whole
from playmask.data.offsets import check_text

PART_OF_BRAT = re.compile(r"T\d+\t(\S+) (\d+) ((?:\d+;\d+ )*)(\d+)\t(.*)", re.DOTALL)


LINE_ENDS = str.maketrans("\r\n", "  ")


def read_brat(path: Path, labels: Collection[str] | None, skip_bad: bool) -> Examples[Annotated]:
    """The text of a .txt and the mentions of its .ann; a bad one alone is left out."""
    beside = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    text = read_whole(beside.with_suffix(".txt"))  # line ends as they are: brat counts them
    lines = [(number, line) for number, line in lines_of(path) if line.startswith("T")]
    flat = text.translate(LINE_ENDS)
    numbered = [(number, partial(_of_brat, flat, line, labels)) for number, line in lines]
    mentions = gather(path, numbered, skip_bad=skip_bad) if numbered else Examples[Mention]()
    whole = gather(path, [(1, lambda: Annotated(text, mentions))], skip_bad=False)
    return Examples(whole, mentions.skipped, whole.places, path)


def _of_brat(flat: str, line: str, labels: Collection[str] | None) -> Mention:
    """A mention of a text whose line ends are spaces, as brat writes those of mentions.

    A discontinuous one reaches from its first part to its last; what is stated of it is not read.
    """
    match = PART_OF_BRAT.fullmatch(line)
    if match is None:
        raise BadExample(
            f"{line!r:.60} is no line of brat's; 'T1\\tLABEL start end\\ttext' is due."
        )
    label, start, between, end, stated = match.groups()
    mention = Mention(int(start), int(end), label)
    if not between:
        check_text(flat, mention.start, mention.end, stated.translate(LINE_ENDS))
    return check_mentions(Annotated(flat, (mention,)), labels).mentions[0]
