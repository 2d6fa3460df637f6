"""A run of bulk inference: which rows, which of their parts are answered already, how far it is."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from playmask.data.formats import parquet
from playmask.data.formats.workbook import SUFFIX as WORKBOOK
from playmask.data.gathering import suffix_of
from playmask.data.row_parts import RowPart, is_parquet, parts_of
from playmask.tasks.bulk.answering import Answerer, Written, target_of
from playmask.tasks.bulk.options import BulkOptions
from playmask.tasks.bulk.record import Scan


class Progress(NamedTuple):
    """How far a run is: rows that are done, those of them that were before it, and all.

    total: None where only reading the rows tells how many there are
    """

    done: int
    before: int
    total: int | None


class Run(NamedTuple):
    """What an engine needs: the task's directory, the files, and where the answers go.

    there: called with the rows of each part whose answers are there already
    """

    task: Path
    files: list[Path]
    out: Path
    options: BulkOptions
    there: Callable[[int], None]

    def pending(self) -> Iterator[RowPart]:
        """The parts whose answers are not there yet, read as they are needed."""
        for part in parts_of(self.files, self.options.part_rows):
            if target_of(self.out, part).exists():
                self.there(len(part))
            else:
                yield part


def in_this_process(run: Run) -> Iterator[Written]:
    """Answer the parts of a run one after another, here."""
    return map(Answerer(run.task, run.out, run.options).write, run.pending())


def total_rows(scans: Mapping[Path, Scan]) -> int | None:
    """About how many rows files have: exactly, but for cells of several lines and blank lines."""
    counts = [_rows_in(file, scan) for file, scan in scans.items()]
    return None if None in counts else sum(filter(None, counts))


def _rows_in(file: Path, scan: Scan) -> int | None:
    if is_parquet(file):
        return parquet.row_count(file)
    if file.suffix.lower() in (".gz", WORKBOOK):  # its lines are packed
        return None
    return max(0, scan.lines - (suffix_of(file) in (".csv", ".tsv")))
