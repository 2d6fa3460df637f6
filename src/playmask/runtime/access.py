"""Access to a model's weights: any number of readers at once, or one writer alone.

A prediction reads one state of the weights from its beginning to its end: a training or a reload
waits until those that run are done. Who comes while a training has the weights is refused, since
that lasts; who comes while others are put in their place waits. No deadlock can come of it: a
thread that holds anything waits only for writers that write already, and these wait for nobody.
"""

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from playmask.errors import TRAINED, BusyError
from playmask.model.forks import check_process

if TYPE_CHECKING:
    import keras

F = TypeVar("F", bound=Callable[..., Any])

INSIDE = (
    "New weights cannot be put into a model from within a prediction, which would wait for its own "
    "end; fit or load when it is done."
)


class Writer:
    """One that has claimed weights; lasts: who comes meanwhile is refused, not kept waiting."""

    def __init__(self, model: "keras.Model", *, lasts: bool) -> None:
        self.model, self.lasts = model, lasts
        self.writes = False  # it still waits for readers


class Weights:
    """Who uses the weights of one model: readers, or a writer; version: how often it was written.

    Its state changes under one condition for all weights, so that several are claimed at once.
    """

    changed = threading.Condition()

    def __init__(self) -> None:
        self.readers: set[object] = set()
        self.writer: Writer | None = None
        self.version = 0


class _Held(threading.local):
    """The weights that this thread reads or writes."""

    reads: tuple[Weights, ...] = ()
    writes: tuple[Weights, ...] = ()


_HELD = _Held()
_WEIGHTS: "weakref.WeakKeyDictionary[keras.Model, tuple[Weights, ...]]" = (
    weakref.WeakKeyDictionary()
)


def weights_of(model: "keras.Model") -> tuple[Weights, ...]:
    """The weights that a model shares with others: of the Transformers in it, or else its own."""
    known = _WEIGHTS.get(model)
    if known is not None:
        return known
    others = [each for each in _transformers_in(model) if each is not model]
    if others:
        several = tuple(each for other in others for each in weights_of(other))
    else:
        several = (Weights(),)
    with Weights.changed:
        return _WEIGHTS.setdefault(model, several)


def _transformers_in(model: Any) -> list["keras.Model"]:
    """The Transformers among a model's layers, of which a network that was exported has none."""
    if not hasattr(model, "_flatten_layers"):
        return []
    from playmask.model.transformer import Transformer

    return [each for each in model._flatten_layers() if isinstance(each, Transformer)]


class reading:  # a context manager as a class: it costs half of one as a generator
    """Read weights in one state of theirs, inside of `with`.

    Raises: BusyError where another thread trains them, or the process was forked
    """

    __slots__ = ("_before", "_new", "_weights")

    def __init__(self, weights: Sequence[Weights]) -> None:
        self._weights = weights

    def __enter__(self) -> None:
        check_process()
        self._new: list[Weights] = []
        self._before = reads = _HELD.reads
        writes = _HELD.writes
        new = [each for each in self._weights if each not in reads and each not in writes]
        if new:
            try:
                self._claim(new)
            except BaseException:  # also on Ctrl-C, whenever it comes
                self._release()
                raise
        elif writes:
            _bring_back(self._weights)

    def __exit__(self, *_: object) -> None:
        if self._new:
            self._release()

    def _claim(self, new: list[Weights]) -> None:
        with Weights.changed:
            while not _may_read(new):
                Weights.changed.wait()
            self._new = new
            for each in new:
                each.readers.add(self)
        _HELD.reads = (*self._before, *new)

    def _release(self) -> None:
        _HELD.reads = self._before
        with Weights.changed:
            waits = False
            for each in self._new:
                each.readers.discard(self)
                waits = waits or each.writer is not None
            if waits:
                Weights.changed.notify_all()


def _may_read(weights: Sequence[Weights]) -> bool:
    """Whether no writer is before this thread; one that holds something passes those who wait."""
    writers = [each.writer for each in weights if each.writer is not None]
    if not writers:
        return True
    if any(writer.lasts for writer in writers):
        raise BusyError(TRAINED)
    holds = bool(_HELD.reads or _HELD.writes)
    return not any(writer.writes or not holds for writer in writers)


def _bring_back(weights: Sequence[Weights]) -> None:
    """Put into a model what its own training has, which Keras on JAX holds outside of it."""
    for each in weights:
        sync = each.writer and getattr(each.writer.model, "jax_state_sync", None)
        if sync and each in _HELD.writes:
            sync()


@contextmanager
def writing(model: "keras.Model", *, lasts: bool = False) -> Iterator[None]:
    """Have a model's weights alone, to change them: when the predictions that run are done.

    lasts: whether others are refused meanwhile, as by a training, and not kept waiting
    Raises: BusyError where another thread trains them, or within a prediction
    """
    check_process()
    weights = weights_of(model)
    if all(each in _HELD.writes for each in weights):
        yield
        return
    if _HELD.reads:
        raise BusyError(INSIDE)
    new = [each for each in weights if each not in _HELD.writes]
    before, writer = _HELD.writes, Writer(model, lasts=lasts)
    try:
        with Weights.changed:
            Weights.changed.wait_for(lambda: _may_claim(new))
            for each in new:
                each.writer = writer
            Weights.changed.wait_for(lambda: not any(each.readers for each in new))
            writer.writes = True
        _HELD.writes = (*before, *new)
        yield
    finally:
        _HELD.writes = before
        with Weights.changed:
            for each in new:
                if each.writer is writer:
                    each.writer, each.version = None, each.version + writer.writes
            Weights.changed.notify_all()


def _may_claim(weights: Sequence[Weights]) -> bool:
    writers = [each.writer for each in weights if each.writer is not None]
    if any(writer.lasts for writer in writers):
        raise BusyError(TRAINED)
    return not writers


class Networked(Protocol):
    """Something around a network, whose weights it uses."""

    @property
    def network(self) -> Any:
        """A network of Keras', or one that was exported."""


def one_state(method: F) -> F:
    """Let a method of something with a network read one state of its weights, all through."""

    @wraps(method)
    def run(self: Networked, *arguments: Any, **options: Any) -> Any:
        with reading(weights_of(self.network)):
            return method(self, *arguments, **options)

    return cast(F, run)
