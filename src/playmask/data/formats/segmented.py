"""Words that stand apart by spaces, a text on each line: corpora of word segmentation."""

from functools import partial
from itertools import islice
from pathlib import Path

from playmask.data.annotated import Annotated, Mention
from playmask.data.formats.joining import is_spaceless, joining_of
from playmask.data.formats.tag_columns import WORD, begins_document, has_tag
from playmask.data.gathering import Numbered, lines_of

AHEAD = 200  # lines that tell what a file is
LONGEST_WORD = 4  # characters of a word at most, on an average


def is_segmented(path: Path) -> bool:
    """Whether the lines of a file are Chinese words between spaces, without tags."""
    lines = [line for _, line in islice(lines_of(path), AHEAD) if line.strip()]
    if not lines or any(has_tag(line) or begins_document(line) for line in lines):
        return False
    words = [word for line in lines for word in line.split()]
    letters = "".join(words)
    several = sum(len(line.split()) > 1 for line in lines)
    return (
        2 * several > len(lines)
        and len(letters) <= LONGEST_WORD * len(words)
        and 2 * sum(map(is_spaceless, letters)) > len(letters)
    )


def read_segmented(path: Path) -> Numbered[Annotated]:
    """The text of each line without its spaces, and its words as mentions."""
    for number, line in lines_of(path):
        if line.strip():
            yield number, partial(_of_line, line)


def _of_line(line: str) -> Annotated:
    words = line.split()
    text, places = joining_of(words).text_of(words)
    return Annotated(text, [Mention(*place, WORD) for place in places])
