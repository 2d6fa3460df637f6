"""Bulk inference on several machines, by Ray Data: parts are read, answered and written there.

A row of the data set is a whole part, and what an actor does with it is write its file, whole or
not at all, under the name that the part has. So a part that Ray does again doubles nothing, and a
run that was killed goes on without a column of ids, which Ray's own checkpoints need: two rows of
one id would be one to them.
"""

import logging
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from playmask.data.formats.parquet import arrow
from playmask.data.row_parts import parts_in
from playmask.errors import ConfigError, PlaymaskError
from playmask.tasks.bulk.answering import Answerer, Written, target_of
from playmask.tasks.bulk.processes import WorkerError
from playmask.tasks.bulk.run import Run

PART, THERE = "part", "there"
"""The columns: a part, or how many rows one has whose answers are there."""
BLOCK = 1 << 20  # bytes that are read before they are handed on


class Writer:
    """An actor: answers parts, and says what came of each."""

    def __init__(self, run: Run) -> None:
        self.answerer = Answerer(run.task, run.out, run.options)

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Write the answers of a part, unless they are there."""
        if row[THERE]:
            return {**Written(0)._asdict(), THERE: row[THERE]}
        return {**self.answerer.write(pickle.loads(row[PART]))._asdict(), THERE: 0}


def on_ray(run: Run) -> Iterator[Written]:
    """Answer the parts of a run that are not there yet, by Ray's actors.

    Raises: ConfigError where Ray is not installed, or has no more processors than workers; what an
            actor raised
    """
    with _ray() as ray:
        share = processors(run.options.workers, _nodes(ray))
        data = ray.data.read_datasource(_source(ray, run), override_num_blocks=len(run.files))
        written = data.repartition(target_num_rows_per_block=1).map(
            Writer,
            fn_constructor_args=(run._replace(there=_nobody),),
            compute=ray.data.ActorPoolStrategy(size=run.options.workers),
            num_cpus=share,
        )
        try:
            for row in written.iter_rows():
                if rows := int(row[THERE]):
                    run.there(rows)
                else:
                    yield Written(int(row["rows"]), int(row["skipped"]), str(row["reason"]))
        except ray.exceptions.RayError as error:
            raise _cause(error) from error


def processors(workers: int, nodes: Sequence[int]) -> int:
    """How many processors each worker gets, so that all find room and one is left for reading.

    nodes: the processors of each machine
    Raises: ConfigError where there are too few, for which Ray would wait for ever
    """
    for share in range(max(nodes, default=0), 0, -1):
        room = sum(node // share for node in nodes)
        if room >= workers and sum(nodes) - share * workers >= 1:
            return share
    raise ConfigError(
        f"Ray has {sum(nodes)} processors for {workers} workers, each of which needs one, and "
        "reading needs one besides; take fewer workers."
    )


def _nobody(rows: int) -> None:
    """Hear of the rows that are there; the starting process does so itself."""


def _nodes(ray: Any) -> list[int]:
    return [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]


@contextmanager
def _ray() -> Iterator[Any]:
    """Ray with its data sets, on the cluster that RAY_ADDRESS names, or on this machine."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError(
            f"The engine ray needs the library Ray: pip install 'playmask[ray]' ({error})."
        ) from None
    fresh = not ray.is_initialized()
    if fresh:
        ray.init(include_dashboard=False, logging_level=logging.WARNING, log_to_driver=False)
    context = ray.data.DataContext.get_current()
    before = context.target_max_block_size, context.enable_progress_bars
    context.target_max_block_size, context.enable_progress_bars = BLOCK, False  # ours is there
    try:
        yield ray
    finally:
        context.target_max_block_size, context.enable_progress_bars = before
        if fresh:
            ray.shutdown()


def _source(ray: Any, run: Run) -> Any:
    """The files of a run as a source of parts: each is read by a task of its own."""
    run = run._replace(there=_nobody)

    def parts(number: int) -> Iterator[Any]:
        pa = arrow()
        for part in parts_in(run.files[number], number, run.options.part_rows):
            there = target_of(run.out, part).exists()
            content = pa.array([b"" if there else pickle.dumps(part)], pa.large_binary())
            yield pa.table({PART: content, THERE: [len(part) if there else 0]})

    class Parts(ray.data.Datasource):
        """The parts of the files of a run."""

        def estimate_inmemory_data_size(self) -> int | None:
            """Nobody knows, before they are read."""
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            """A task for each file."""
            nothing = ray.data.block.BlockMetadata(None, None, None, None)
            return [
                ray.data.ReadTask(partial(parts, number), nothing)
                for number in range(len(run.files))
            ]

    return Parts()


def _cause(error: BaseException) -> PlaymaskError:
    """What an actor raised, without what Ray puts around it."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, PlaymaskError):
        inner = getattr(inner, "cause", None) or inner.__cause__
    if isinstance(inner, PlaymaskError):
        for kind in type(inner).__mro__:  # Ray makes a class of two, whose text is a traceback
            if issubclass(kind, PlaymaskError) and kind.__module__.startswith("playmask."):
                return kind(*inner.args) if kind is not type(inner) else inner
    return WorkerError(f"Ray has ended the run: {str(error).strip().splitlines()[-1]:.300}")
