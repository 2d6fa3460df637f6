"""Bulk inference in processes of this machine, each of which holds a task and answers parts.

Keras is imported in the workers only. A worker that is killed is replaced, and its part is done
again; workers end by themselves when the process that started them does.
"""

import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.row_parts import RowPart
from playmask.errors import PlaymaskError
from playmask.tasks.bulk.answering import Answerer, Written
from playmask.tasks.bulk.options import BulkOptions
from playmask.tasks.bulk.run import Run

ATTEMPTS = 3
"""How often a part is begun at most whose worker is killed: it may be the part that kills it."""
PATIENCE = 5  # seconds that a worker has to end
MEMORY = 0.9  # of an accelerator, for all workers together


class WorkerError(PlaymaskError, RuntimeError):
    """A process that answers has ended, and another try would end as it did."""


class Share(NamedTuple):
    """Which of how many workers a process is."""

    number: int
    workers: int

    def take(self) -> None:
        """Keep to a share of the cores and of an accelerator's memory; before a backend starts."""
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            own = cores[self.number :: self.workers] or [cores[self.number % len(cores)]]
            os.sched_setaffinity(0, own)
        threads = max(1, (os.cpu_count() or 1) // self.workers)
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
        os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{MEMORY / self.workers:.3f}")


def work(connection: Connection, share: Share, task: Path, out: Path, options: BulkOptions) -> None:
    """What a worker does: say that it is ready, then answer each part that comes, until None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the starting process's to take
    when_parent_ends(partial(os._exit, 1))
    share.take()
    answerer = Answerer(task, out, options)
    try:
        answerer.task  # noqa: B018  # loaded
        connection.send(None)
        while (part := connection.recv()) is not None:
            connection.send(answerer.write(part))
    except EOFError:
        return
    except Exception as error:
        connection.send(_portable(error))


def when_parent_ends(act: Callable[[], object]) -> None:
    """Do something when the process that started this one has ended, whatever this one is doing."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            act()

    threading.Thread(target=watch, daemon=True).start()


def _portable(error: Exception) -> Exception:
    """An error as another process can have it."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


class Worker:
    """A process that answers, and the part that it has."""

    def __init__(self, share: Share, task: Path, out: Path, options: BulkOptions) -> None:
        self.share, self.ready = share, False
        self.part: RowPart | None = None
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        arguments = (theirs, share, task, out, options)
        self.process = context.Process(target=work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()  # so that the end of the process is the end of the connection

    def give(self, part: RowPart) -> None:
        """Hand over a part; that the worker is dead shows when its answer is read."""
        self.part = part
        try:
            self.connection.send(part)
        except OSError:
            self.process.kill()

    def message(self) -> Any:
        """What it says, in a tuple; None where it has ended without a word."""
        try:
            return (self.connection.recv(),)
        except (EOFError, OSError):
            return None

    def end(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        self.process.kill()
        self.process.join(PATIENCE)


def in_processes(run: Run) -> Iterator[Written]:
    """Answer the parts of a run that are not there yet, in as many processes as it says."""
    return Pool(run.task, run.out, run.options).run(run.pending())


class Pool:
    """Workers, each with one part at a time, so that few parts are in memory at once."""

    def __init__(self, task: Path, out: Path, options: BulkOptions) -> None:
        self.arguments = task, out, options
        count = options.workers
        self.workers = [Worker(Share(i, count), *self.arguments) for i in range(count)]
        self.again: list[RowPart] = []
        self.attempts: dict[str, int] = {}

    def run(self, parts: Iterator[RowPart]) -> Iterator[Written]:
        """Answer parts; gives what came of each, in the order in which they are done.

        Raises: what a worker raised; WorkerError where it is killed again and again
        """
        try:
            while self.workers:
                by_connection = {worker.connection: worker for worker in self.workers}
                for connection in wait([*by_connection]):
                    worker = by_connection[connection]  # type: ignore[index]
                    written = self._hear(worker)
                    if written is not None:
                        yield written
                    if worker in self.workers and worker.ready and worker.part is None:
                        self._feed(worker, parts)
        finally:
            for worker in self.workers:
                worker.end()

    def _feed(self, worker: Worker, parts: Iterator[RowPart]) -> None:
        """Give a worker the next part, or let it go where there is none and none may come back."""
        part = self.again.pop() if self.again else next(parts, None)
        if part is not None:
            worker.give(part)
            return
        working = [each for each in self.workers if each.part is not None]
        for each in [worker] if working else self.workers:  # with no part out, all may go
            each.end()
        self.workers = [each for each in self.workers if working and each is not worker]

    def _hear(self, worker: Worker) -> Written | None:
        """Take what a worker says: that it is ready, what came of its part, or an error."""
        message = worker.message()
        if message is None:
            self._replace(worker)
            return None
        (value,) = message
        if isinstance(value, Exception):
            raise value
        worker.ready, worker.part = True, None
        self.attempts.pop("", None)
        return value if isinstance(value, Written) else None

    def _replace(self, worker: Worker) -> None:
        """Start another worker for one that has ended, and let its part be done again."""
        worker.end()
        code = worker.process.exitcode
        name = worker.part.name if worker.part else ""
        self.attempts[name] = self.attempts.get(name, 0) + 1
        if self.attempts[name] >= ATTEMPTS or (not worker.ready and (code or 0) > 0):
            raise _ended(worker, code, self.attempts[name])
        if worker.part is not None:
            self.again.append(worker.part)
        self.workers[self.workers.index(worker)] = Worker(worker.share, *self.arguments)


def _ended(worker: Worker, code: int | None, attempts: int) -> WorkerError:
    reason = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    if worker.part is None:
        return WorkerError(
            f"A worker has ended while it was starting ({reason}). A script that starts workers "
            'does so below `if __name__ == "__main__":`; the memory may be too small for so many.'
        )
    part = worker.part
    return WorkerError(
        f"{part.path}, rows {part.places[0]} to {part.places[-1]}: {attempts} workers have ended "
        f"over them ({reason}); where the memory was full, fewer workers or smaller parts need "
        "less."
    )
