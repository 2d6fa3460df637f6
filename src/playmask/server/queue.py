"""A bounded queue in front of an engine: what waits when it is free is run as one batch."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

Result = Any


class Call(Hashable, Protocol):
    """A function of several items, run by a thread; items of equal calls share a batch."""

    def __call__(self, items: Sequence[Any]) -> Sequence[Result]:
        """The results, in the items' order."""


class Watch(Protocol):
    """Who is told what a queue does."""

    def waiting(self, count: int) -> None:
        """So many items wait now."""

    def ran(self, count: int, tokens: int, seconds: float) -> None:
        """A batch has run."""


class QueueFull(Exception):
    """A queue has no room for all items of a request; `retry` is in seconds."""

    def __init__(self, retry: int) -> None:
        super().__init__(retry)
        self.retry = retry


@dataclass(eq=False)
class Job:
    """An item that waits, or runs."""

    call: Call
    item: Any
    tokens: int
    future: "asyncio.Future[Result]"
    arrived: float


LONGEST_RETRY = 60  # seconds


class BatchQueue:
    """Bounded FIFO queue with dynamic batching by tokens.

    As soon as a thread is free, it takes the first item and, of those behind it, the items of an
    equal call, up to `max_batch` tokens. With a `max_wait`, a batch that is not full waits so long
    for more. All methods are for the event loop's thread; calls run in threads of the queue.
    Units:  max_batch in tokens, max_wait in seconds
    """

    def __init__(
        self, *, max_batch: int, max_queue: int, max_wait: float, threads: int, watch: Watch
    ) -> None:
        self.max_batch, self.max_queue, self.max_wait = max_batch, max_queue, max_wait
        self.watch = watch
        self._waiting: deque[Job] = deque()
        self._free = threads
        self._pool = ThreadPoolExecutor(threads, "playmask-engine")
        self._running: set[asyncio.Future[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rate = 0.0  # tokens a second, a moving average

    def submit(
        self, call: Call, items: Sequence[Any], tokens: Sequence[int]
    ) -> "list[asyncio.Future[Result]]":
        """Take all of some items, or none; results come in their order.

        A future that is cancelled before its item runs leaves the queue.
        Raises: QueueFull where there is no room for all
        """
        if len(self._waiting) + len(items) > self.max_queue:
            raise QueueFull(self._retry())
        loop = asyncio.get_running_loop()
        jobs = [
            Job(call, item, count, loop.create_future(), loop.time())
            for item, count in zip(items, tokens, strict=True)
        ]
        self._waiting.extend(jobs)
        self._dispatch()
        return [job.future for job in jobs]

    def abandon(self, futures: "Iterable[asyncio.Future[Result]]") -> None:
        """Let go of items that nobody waits for any more."""
        for future in futures:
            future.cancel()
        self._forget_cancelled()

    async def close(self) -> None:
        """Finish what was taken, and end the threads."""
        while self._waiting or self._running:
            await asyncio.wait([*self._running] or [asyncio.ensure_future(asyncio.sleep(0.01))])
        self._pool.shutdown(wait=False)

    def _retry(self) -> int:
        """Seconds in which what waits will have run."""
        tokens = sum(job.tokens for job in self._waiting)
        seconds = tokens / self._rate if self._rate else 1.0
        return max(1, min(LONGEST_RETRY, math.ceil(seconds)))

    def _forget_cancelled(self) -> None:
        if any(job.future.cancelled() for job in self._waiting):
            self._waiting = deque(job for job in self._waiting if not job.future.cancelled())
            self.watch.waiting(len(self._waiting))

    def _dispatch(self) -> None:
        """Hand batches to threads that are free."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._forget_cancelled()
        loop = asyncio.get_running_loop()
        while self._free and self._waiting:
            batch = self._first()
            rest = batch[0].arrived + self.max_wait - loop.time()
            full = sum(job.tokens for job in batch) >= self.max_batch
            if rest > 0 and not full and len(batch) == len(self._waiting):
                self._timer = loop.call_later(rest, self._dispatch)
                break
            self._start(batch)
        self.watch.waiting(len(self._waiting))

    def _first(self) -> list[Job]:
        """The next batch: the first item, and those behind it that go along."""
        first = self._waiting[0]
        batch, tokens = [first], first.tokens
        for job in list(self._waiting)[1:]:
            if job.call == first.call:
                if tokens + job.tokens > self.max_batch:
                    break
                batch.append(job)
                tokens += job.tokens
        return batch

    def _start(self, batch: list[Job]) -> None:
        own = {id(job) for job in batch}
        self._waiting = deque(job for job in self._waiting if id(job) not in own)
        self._free -= 1
        loop = asyncio.get_running_loop()
        began = loop.time()
        items = [job.item for job in batch]
        running = loop.run_in_executor(self._pool, answered, batch[0].call, items)
        self._running.add(running)

        def done(future: "asyncio.Future[Any]") -> None:
            self._free += 1
            self._running.discard(future)
            tokens, seconds = sum(job.tokens for job in batch), loop.time() - began
            rate = tokens / max(seconds, 1e-6)
            self._rate = rate if not self._rate else 0.8 * self._rate + 0.2 * rate
            self.watch.ran(len(batch), tokens, seconds)
            for job, result in zip(batch, future.result(), strict=True):
                if job.future.done():
                    continue
                if isinstance(result, Failed):
                    job.future.set_exception(result.error)
                else:
                    job.future.set_result(result)
            self._dispatch()

        running.add_done_callback(done)


@dataclass(frozen=True)
class Failed:
    """An item whose call raised."""

    error: Exception


def answered(call: Callable[[Sequence[Any]], Sequence[Result]], items: Sequence[Any]) -> list[Any]:
    """The result of each item; a call that fails is halved, so that bad items fail alone."""
    try:
        return list(call(items))
    except Exception as error:
        if len(items) == 1:
            return [Failed(error)]
    half = len(items) // 2
    return [*answered(call, items[:half]), *answered(call, items[half:])]
