"""How far batched inference is, for whoever listens; nothing is shown here."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from playmask.runtime.planning import PlannedBatch


class BatchProgress(NamedTuple):
    """Rows that are done, of all of a call; and which of the shapes that are new to it compiles.

    shape: from 1, 0 where none compiles; compiled: whether the batch that ended last was the first
    of its shape
    """

    done: int
    rows: int
    shape: int
    shapes: int
    compiled: bool = False


Listener = Callable[[BatchProgress], None]
_LISTENER: ContextVar[Listener | None] = ContextVar("playmask_batch_progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell a function of each batch that this thread begins or ends meanwhile."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell(progress: BatchProgress) -> None:
    """Tell the listener of this thread, where there is one."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(progress)


class CallProgress:
    """The batches of a call, whose listener is told of them.

    known: the lengths that were compiled before
    """

    def __init__(self, batches: Sequence[PlannedBatch], known: Collection[int]) -> None:
        self.listener = _LISTENER.get()
        self.rows = sum(len(batch.rows) for batch in batches)
        self.new = [*dict.fromkeys(b.length for b in batches if b.length not in known)]
        self.first: set[int] = set()  # lengths whose first batch has begun
        self.compiling: set[int] = set()
        self.done = 0

    def begin(self, batch: PlannedBatch) -> None:
        """Tell that a batch begins, where its shape is new."""
        if (
            self.listener is not None
            and batch.length in self.new
            and batch.length not in self.first
        ):
            self.first.add(batch.length)
            self.compiling.add(batch.length)
            self._tell(len(self.first))

    def end(self, batch: PlannedBatch) -> None:
        """Tell that a batch is done."""
        self.done += len(batch.rows)
        if self.listener is not None:
            compiled = batch.length in self.compiling
            self.compiling.discard(batch.length)
            self._tell(0, compiled)

    def _tell(self, shape: int, compiled: bool = False) -> None:
        if self.listener is not None:
            self.listener(BatchProgress(self.done, self.rows, shape, len(self.new), compiled))
