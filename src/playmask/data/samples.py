"""The beginning of a data set's texts, whatever its form."""

from itertools import chain, islice
from pathlib import Path

from playmask.data.formats.workbook import SUFFIX, sheet_rows
from playmask.data.gathering import suffix_of
from playmask.data.lines import read_lines


def sample_of(path: Path, lines: int) -> str:
    """The first lines of a file, rows of a workbook, or lines of a folder's texts, as one text.

    Raises: DataError for a file that cannot be read
    """
    if suffix_of(path) == SUFFIX:
        return "\n".join(" ".join(cells) for _, cells in islice(sheet_rows(path, []), lines))
    files = sorted(path.rglob("*.txt")) if path.is_dir() else []
    every = chain.from_iterable(map(read_lines, files or (path,)))
    return b"".join(islice(every, lines)).decode(errors="ignore")
