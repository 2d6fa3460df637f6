"""Threads: an ordered parallel map, a FIFO semaphore, and how many cores there are for them."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def usable_cores() -> int:
    """How many cores this process may run on: those it is bound to, else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(run: Callable[[T], R], items: Sequence[T], threads: int) -> Iterator[R]:
    """Map a function over items in parallel threads, the results in order.

    A caller that stops early cancels the rest.
    """
    if min(threads, len(items)) < 2:
        yield from map(run, items)
        return
    pool = ThreadPoolExecutor(threads, "playmask")
    try:
        yield from pool.map(run, items)
    finally:
        pool.shutdown(cancel_futures=True)


class FifoSemaphore:
    """FIFO semaphore: at most `count` threads hold a slot, granted in the order of arrival.

    A plain semaphore lets a thread that comes back pass those that wait, some of them for seconds.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._guard = threading.Lock()
        self._queue: list[threading.Lock] = []  # the first `count` hold a slot

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot, and hold it."""
        ticket = threading.Lock()
        ticket.acquire()
        with self._guard:
            self._queue.append(ticket)
            waits = len(self._queue) > self.count
        try:
            if waits:
                ticket.acquire()  # until one before is released
            yield
        finally:  # also on Ctrl-C: the others must not wait for this one
            with self._guard:
                place = self._queue.index(ticket)
                del self._queue[place]
                if place < self.count <= len(self._queue):
                    self._queue[self.count - 1].release()
