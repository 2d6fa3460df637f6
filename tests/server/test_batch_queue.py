"""The queue: what waits is run together, within bounds, and in order."""

import asyncio
import threading
from dataclasses import dataclass, field

import pytest

from playmask.errors import InputError
from playmask.server.queue import BatchQueue, QueueFull, answered


@dataclass(frozen=True)
class Double:
    """A call that doubles numbers, notes its batches, and may be held."""

    name: str = ""
    batches: list = field(default_factory=list, compare=False)
    free: threading.Event = field(default_factory=threading.Event, compare=False)

    def __call__(self, items):
        self.batches.append([*items])
        assert self.free.wait(10)
        if 13 in items:
            raise InputError("13 is no number.")
        return [2 * item for item in items]


class Watch:
    def __init__(self):
        self.counts, self.batches = [], []

    def waiting(self, count):
        self.counts.append(count)

    def ran(self, count, tokens, seconds):
        self.batches.append((count, tokens))


def queue_of(watch=None, **options):
    defaults = {"max_batch": 10, "max_queue": 8, "max_wait": 0.0, "threads": 1}
    return BatchQueue(**{**defaults, **options}, watch=watch or Watch())


def test_what_waits_when_the_engine_is_free_is_one_batch():
    async def run():
        call, watch = Double(), Watch()
        queue = queue_of(watch)
        first = queue.submit(call, [1], [1])
        later = [future for i in range(2, 8) for future in queue.submit(call, [i], [3])]
        call.free.set()
        assert await asyncio.gather(*first, *later) == [2, 4, 6, 8, 10, 12, 14]
        await queue.close()
        assert call.batches == [[1], [2, 3, 4], [5, 6, 7]]  # no more than 10 tokens
        assert watch.batches == [(1, 1), (3, 9), (3, 9)]
        assert max(watch.counts) == 6 and watch.counts[-1] == 0

    asyncio.run(run())


def test_calls_that_differ_share_no_batch_and_keep_their_order():
    async def run():
        one, other = Double("one"), Double("other")
        queue = queue_of()
        head = queue.submit(one, [0], [1])
        mixed = [queue.submit(call, [i], [1])[0] for i, call in enumerate((other, one, other, one))]
        one.free.set()
        other.free.set()
        await asyncio.gather(*head, *mixed)
        assert one.batches == [[0], [1, 3]] and other.batches == [[0, 2]]

    asyncio.run(run())


def test_a_full_queue_takes_all_items_of_a_request_or_none():
    async def run():
        call = Double()
        queue = queue_of()
        head = queue.submit(call, [0], [1])
        rest = queue.submit(call, [*range(6)], [1] * 6)
        with pytest.raises(QueueFull) as full:
            queue.submit(call, [1, 2, 3], [1] * 3)
        assert full.value.retry >= 1
        more = queue.submit(call, [1, 2], [1] * 2)  # there is room for two
        call.free.set()
        await asyncio.gather(*head, *rest, *more)
        assert sum(map(len, call.batches)) == 9

    asyncio.run(run())


def test_what_nobody_waits_for_is_not_run():
    async def run():
        call = Double()
        queue = queue_of()
        head = queue.submit(call, [0], [1])
        gone = queue.submit(call, [1, 2], [1, 1])
        stays = queue.submit(call, [3], [1])
        queue.abandon(gone)
        call.free.set()
        await asyncio.gather(*head, *stays)
        assert call.batches == [[0], [3]]

    asyncio.run(run())


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_bad_item_fails_alone(count):
    items = [*range(10, 10 + count), 13]
    call = Double()
    call.free.set()
    results = answered(call, items)
    assert results[0] == 20
    errors = [i for i, each in enumerate(results) if hasattr(each, "error")]
    assert errors == [i for i, item in enumerate(items) if item == 13]


def test_a_batch_that_is_not_full_waits_where_that_is_asked_for():
    async def run():
        call = Double()
        call.free.set()
        queue = queue_of(max_wait=0.05)
        futures = queue.submit(call, [1], [1])
        await asyncio.sleep(0)
        futures += queue.submit(call, [2], [1])
        await asyncio.gather(*futures)
        assert call.batches == [[1, 2]]
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*queue.submit(call, [3, 4], [5, 5]))  # full: at once
        assert asyncio.get_running_loop().time() - began < 0.05

    asyncio.run(run())


def test_the_end_finishes_what_was_taken():
    async def run():
        call = Double()
        queue = queue_of(max_batch=1)
        futures = queue.submit(call, [1, 2, 3], [1, 1, 1])
        threading.Timer(0.02, call.free.set).start()
        await queue.close()
        assert [future.result() for future in futures] == [2, 4, 6]

    asyncio.run(run())
