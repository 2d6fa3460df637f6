"""The programs of a training's steps, compiled in threads before their batches come."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import keras

from playmask.runtime.batches import Batches
from playmask.runtime.devices import on_jax_cpu
from playmask.runtime.train.accumulation import GroupedBatches
from playmask.runtime.train.watching.clock import Clock

WORKERS = 2  # XLA's passes over a program use one core; more would delay the one that is waited for
STEPS: Mapping[str, tuple[str, ...]] = {
    "train_step": ("trainable", "non_trainable", "optimizer", "metrics"),
    "test_step": ("trainable", "non_trainable", "metrics"),
}
"""Keras' steps, and the variables that each takes and returns."""

Shaped = Batches | GroupedBatches
Shape = tuple[str, int]  # a step's name, the length of its batches


class CompiledAhead(keras.callbacks.Callback):
    """Compiles the shapes of training and validation in the order of their first batches, on JAX.

    Python traces them, which changes the network meanwhile, in the thread that trains; XLA, which
    takes most of the time, compiles in others, as many at once as there are WORKERS. A step waits
    for its own shape only, and steps of other shapes run beside the compilation. The order of
    batches stays as it was, and JAX finds by the step what was compiled of it.

    batches: of each step, by its name; steps: how many batches are trained on at most;
    clocks: what is told how many shapes are compiled; pool: the threads
    """

    async_safe = True  # for Keras: the begin of a batch is seen in the loop's own thread

    def __init__(
        self,
        batches: Mapping[str, Shaped],
        steps: int,
        clocks: Sequence[Clock],
        pool: ThreadPoolExecutor,
    ) -> None:
        super().__init__()
        self.batches, self.steps_left, self.clocks, self.pool = batches, steps, clocks, pool
        self.planned: deque[tuple[Shape, int]] = deque()  # with a batch that has the shape
        self.programs: dict[Shape, Future[Any]] = {}
        self.steps: dict[str, Any] = {}
        self.train_function: Any = None
        self.count = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Wait for the shape of a training step."""
        if self.model.train_function is not self.train_function:  # at first, or other weights learn
            self.train_function = self.model.train_function
            self._plan(batch)
        self._wait("train_step", batch)
        self.steps_left -= 1

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Wait for the shape of a validation step."""
        if "test_step" in self.batches:
            self._wait("test_step", batch)

    def _plan(self, first: int) -> None:
        """Plan the shapes of an epoch, those of the batches from one on before all others."""
        import jax

        self.close()
        if self.model.run_eagerly or not self.model.jit_compile:
            return
        states = {kind: _kinds_of(variables) for kind, variables in _variables(self.model).items()}
        self.states = {name: tuple(states[k] for k in kinds) for name, kinds in STEPS.items()}
        self.steps = {n: jax.jit(getattr(self.model, n), donate_argnums=0) for n in STEPS}
        for name, batches in self.batches.items():
            begin, count = (first, self.steps_left) if name == "train_step" else (0, len(batches))
            self.planned += [
                ((name, batches.length_of(i)), i)
                for i in batches.first_of_lengths(begin)
                if (i - begin) % len(batches) < count
            ]
        self.count = len(self.planned)

    def close(self) -> None:
        """Forget all: JAX would take a step that is still known for that of a later training."""
        self.planned.clear()
        for program in self.programs.values():
            program.cancel()  # what is being compiled already cannot be stopped
        self.programs.clear()
        self.steps.clear()
        self.count = 0

    def _wait(self, name: str, batch: int) -> None:
        """Wait until the shape of a batch is compiled, where it was planned."""
        shape = name, self.batches[name].length_of(batch)
        # Stable: the shape that is waited for goes before all others
        self.planned = deque(sorted(self.planned, key=lambda each: each[0] != shape))
        self._compile()
        while self._is_due(shape):
            wait(self._running(), return_when=FIRST_COMPLETED)
            self._compile()
        if shape in self.programs:
            self.programs[shape].result()  # raises what came in the thread

    def _is_due(self, shape: Shape) -> bool:
        """Whether a shape is planned or being compiled."""
        if program := self.programs.get(shape):
            return not program.done()
        return any(each == shape for each, _ in self.planned)

    def _running(self) -> list[Future[Any]]:
        return [program for program in self.programs.values() if not program.done()]

    def _compile(self) -> None:
        """Give each thread that is free a shape."""
        while self.planned and len(self._running()) < WORKERS:
            self._tell()
            shape, batch = self.planned.popleft()
            name, _ = shape
            lowered = self.steps[name].lower(self.states[name], self.batches[name][batch])
            self.programs[shape] = self.pool.submit(lowered.compile)
        self._tell()

    def _tell(self) -> None:
        for clock in self.clocks:
            clock.set_shapes(len(self.programs) - len(self._running()), self.count)


def _variables(network: Any) -> dict[str, Sequence[keras.Variable]]:
    """The variables of a network that is trained, as Keras' steps take them."""
    return {
        "trainable": network.trainable_variables,
        "non_trainable": network.non_trainable_variables,
        "optimizer": network.optimizer.variables,
        "metrics": network.metrics_variables,
    }


def _kinds_of(variables: Sequence[keras.Variable]) -> list[Any]:
    """What a program has to know of some variables: their shapes and types."""
    import jax

    kind: Any = jax.ShapeDtypeStruct
    return [kind(v.shape, v.dtype) for v in variables]


@contextmanager
def compiled_ahead(
    batches: Any, validation: Any, steps: int, callbacks: Sequence[Any]
) -> Iterator[list[Any]]:
    """The callback that compiles, where it can; the clocks among others are told how far it is.

    There is none on other backends, nor for several devices, nor on a card, where it was never
    tried. Of a stream nobody knows the lengths
    before. At the end no thread is left.
    """
    both = {"train_step": batches, "test_step": validation}
    known = {name: each for name, each in both.items() if isinstance(each, Shaped)}
    spread = keras.distribution.distribution() is not None
    if spread or "train_step" not in known or not on_jax_cpu():
        yield []
        return
    clocks = [callback for callback in callbacks if isinstance(callback, Clock)]
    pool = ThreadPoolExecutor(WORKERS, "playmask-compiling")
    ahead = CompiledAhead(known, steps, clocks, pool)
    try:
        yield [ahead]
    finally:
        pool.shutdown(cancel_futures=True)
        ahead.close()
