"""Bulk inference: the rows of files answered in parts, by processes or machines, and resumed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.row_parts import files_in
from playmask.lazy import find_submodules
from playmask.tasks.bulk.options import BulkOptions
from playmask.tasks.bulk.record import Scan, opened, record_of
from playmask.tasks.bulk.run import Progress, Run, total_rows
from playmask.tasks.registry import resolve

ENGINES = {
    "processes": "playmask.tasks.bulk.processes:in_processes",
    "serial": "playmask.tasks.bulk.run:in_this_process",
    "ray": "playmask.tasks.bulk.ray_data:on_ray",
}
"""What answers the parts of a run: (Run) -> what came of each; imported when it is chosen."""


class BulkSummary(NamedTuple):
    """What a run of bulk inference did: rows, those done before it, and those left out.

    reason: why the first of those was bad that this run left out
    """

    rows: int
    before: int
    skipped: int
    reason: str


def bulk_predict(
    task: str | Path,
    path: str | Path,
    out: str | Path,
    options: BulkOptions | None = None,
    *,
    progress: Callable[[Progress], None] = lambda progress: None,
    **changes: Any,
) -> BulkSummary:
    r"""Answer all rows of a file in parts, by several processes; the same call again goes on.

    Every column is handed on, with the answer beside it: of Parquet as Parquet, of .jsonl, .csv,
    .tsv and .txt (.gz) as JSON lines. Each part is a file of its own, whole or not there; a process
    that is killed is replaced, and loses no row and doubles none.

    task: its directory; path: the file, or a folder of such; out: the folder of the answers;
    options: `BulkOptions`, each of which may also be given by its name (`workers=4`, `part_rows`,
    `engine="ray"`, `id`, `columns`, `skip_bad`); progress: called as parts are done
    Raises: DataError naming file and row; ConfigError for a task that reads images, and where `out`
            holds another task's or another input's answers; BusyError while another process writes
            there

    Example:
        >>> reviews = TextClassifier.new(model, ["bad", "good"], max_length=16).save("reviews")
        >>> with open("in.csv", "w", encoding="utf-8") as file:
        ...     _ = file.write("id,text\n7,味道不错")
        >>> playmask.bulk_predict(reviews, "in.csv", "out", engine="serial")
        BulkSummary(rows=1, before=0, skipped=0, reason='')

    """
    chosen = (options or BulkOptions()).change(**changes)
    task, out, files = Path(task), Path(out), files_in(Path(path))
    scans = {file: Scan.of(file) for file in files}
    total = total_rows(scans)
    before = done = skipped = 0
    reason = ""

    def there(rows: int) -> None:
        nonlocal before, done
        before, done = before + rows, done + rows
        progress(Progress(done, before, total))

    with opened(out, record_of(task, scans, chosen)):
        run = Run(task, files, out, chosen, there)
        for written in resolve(ENGINES[chosen.engine])(run):
            done, skipped = done + written.rows, skipped + written.skipped
            reason = reason or written.reason
            progress(Progress(done, before, total))
    return BulkSummary(done, before, skipped, reason)


find_submodules(__name__)
