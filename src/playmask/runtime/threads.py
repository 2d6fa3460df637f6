"""Threads: several things at a time, their results in order; and turns in the order of coming."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def several(run: Callable[[T], R], items: Sequence[T], count: int) -> Iterator[R]:
    """What comes of each item, in order, so many at a time; who stops early stops the rest."""
    if min(count, len(items)) < 2:
        yield from map(run, items)
        return
    pool = ThreadPoolExecutor(count, "playmask")
    try:
        yield from pool.map(run, items)
    finally:
        pool.shutdown(cancel_futures=True)


class Turns:
    """Lets so many threads through at a time, in the order they came.

    More batches at once would only be in each other's way; and a plain semaphore lets a thread
    that comes back pass those that wait, some of them for seconds.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._guard = threading.Lock()
        self._come: list[threading.Lock] = []  # the first ones have their turn

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it."""
        mine = threading.Lock()
        mine.acquire()
        with self._guard:
            self._come.append(mine)
            waits = len(self._come) > self.count
        try:
            if waits:
                mine.acquire()  # until one before is through
            yield
        finally:  # also on Ctrl-C: the others must not wait for this one
            with self._guard:
                place = self._come.index(mine)
                del self._come[place]
                if place < self.count <= len(self._come):
                    self._come[self.count - 1].release()
