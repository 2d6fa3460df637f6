"""The beginning of a data set's texts, whatever its form."""

from itertools import islice
from pathlib import Path

from playmask.data.formats.workbook import SUFFIX, sheet_rows
from playmask.data.gathering import suffix_of
from playmask.data.lines import read_lines


def sample_of(path: Path, lines: int) -> str:
    """The first lines of a file, or rows of a workbook, as one text.

    Raises: DataError for a file that cannot be read
    """
    if suffix_of(path) == SUFFIX:
        return "\n".join(" ".join(cells) for _, cells in islice(sheet_rows(path, []), lines))
    return b"".join(islice(read_lines(path), lines)).decode(errors="ignore")
