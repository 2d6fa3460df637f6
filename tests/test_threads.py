"""The ordered parallel map, and the FIFO semaphore."""

import threading
import time
from contextlib import ExitStack

import pytest

from playmask.runtime.threads import FifoSemaphore, ordered_map

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("count", [1, 2])
def test_threads_get_slots_in_the_order_they_came(count):
    """While all slots but one are held, the others come one by one."""
    semaphore, through, inside = FifoSemaphore(count), [], []
    threads = []

    def work(i: int) -> None:
        with semaphore.slot():
            inside.append(i)
            assert len(inside) == 1
            through.append(i)
            time.sleep(0.001)
            inside.remove(i)

    with ExitStack() as held:
        for _ in range(count - 1):
            held.enter_context(semaphore.slot())
        with semaphore.slot():
            for i in range(16):
                threads.append(threading.Thread(target=work, args=(i,)))
                threads[-1].start()
                while len(semaphore._queue) < i + 1 + count:
                    time.sleep(0.0005)
            assert not through
        for thread in threads:
            thread.join()
        assert through == list(range(16))
    assert not semaphore._queue  # and it is free again


@pytest.mark.parametrize("count", [1, 2])
def test_who_gives_up_waiting_is_not_waited_for(count, monkeypatch):
    semaphore = FifoSemaphore(count)
    lock = type("Interrupted", (), {"acquire": lambda self: interrupted.pop()(), "release": id})
    interrupted = [lambda: (_ for _ in ()).throw(KeyboardInterrupt), lambda: True]
    with ExitStack() as held:
        for _ in range(count):
            held.enter_context(semaphore.slot())
        with monkeypatch.context() as patch:
            patch.setattr(threading, "Lock", lock)
            with pytest.raises(KeyboardInterrupt), semaphore.slot():
                raise AssertionError("it must not have had its turn")
        assert len(semaphore._queue) == count
    assert not semaphore._queue


@pytest.mark.parametrize("count", [1, 2, 3])
def test_mapped_results_come_in_order_and_stop_when_one_fails(count):
    assert list(ordered_map(lambda i: i * i, range(7), count)) == [i * i for i in range(7)]
    assert list(ordered_map(str, [], count)) == []
    begun = []

    def work(i: int) -> int:
        begun.append(i)
        time.sleep(0.01)
        return 1 // (i - 2)

    with pytest.raises(ZeroDivisionError):
        list(ordered_map(work, range(100), count))
    assert 3 <= len(begun) < 20
