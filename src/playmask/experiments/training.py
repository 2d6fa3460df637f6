"""Training and measuring, the same for everything that is learned here."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from playmask.experiments.objectives import Batch, Objective, Rows, Texts
from playmask.experiments.plan import Sizes, Training, Watch
from playmask.labelling.class_losses import ClassCrossentropy, class_crossentropy
from playmask.runtime.compiled import Compiled
from playmask.runtime.train.optimizers.named import Rate, make_optimizer
from playmask.runtime.train.precision import computing_in
from playmask.runtime.train.schedules import Schedule, warm_up_then_decay

SEGMENTS = 20  # of a training: points of its curve, and times of which the shortest is taken
TURNS, TIMED = 5, 6  # of two networks whose steps are timed, and the steps of a turn
MakeSchedule = Callable[[float, int], Schedule]  # of a rate, for so many steps


class Stream(keras.utils.PyDataset):
    """Batches of one shape, without end: each row once, in an order anew, then all again.

    What batch comes at which step depends on the seed alone. A segment of steps is what Keras calls
    an epoch; `segment` says which one is read.
    """

    def __init__(
        self, rows: Rows, objective: Objective, *, batch: int, segment_steps: int, seed: int
    ) -> None:
        super().__init__()
        self.rows, self.objective = rows, objective
        self.batch, self.segment_steps, self.seed = batch, segment_steps, seed
        self.count = len(rows["tokens"])
        self.segment = 0
        self._orders: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return self.segment_steps

    def __getitem__(self, index: int) -> Batch:
        step = self.segment * self.segment_steps + index
        epochs, places = np.divmod(step * self.batch + np.arange(self.batch), self.count)
        chosen = np.concatenate([self._order(e)[places[epochs == e]] for e in np.unique(epochs)])
        return self.objective(_taken(self.rows, chosen), np.random.default_rng([self.seed, step]))

    def _order(self, epoch: int) -> np.ndarray:
        """The rows' order in an epoch; the last two are remembered."""
        if epoch not in self._orders:
            self._orders = {e: o for e, o in self._orders.items() if e == epoch - 1}
            random = np.random.default_rng([self.seed, int(epoch)])
            self._orders[epoch] = random.permutation(self.count)
        return self._orders[epoch]


class _Follow(keras.callbacks.Callback):
    """Moves the stream on, and notes the loss and the time of each segment."""

    def __init__(self, stream: Stream, segments: int, watch: Watch, after: Callable[[], None]):
        super().__init__()
        self.stream, self.segments, self.watch, self.after = stream, segments, watch, after
        self.losses: list[float] = []
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.stream.segment = epoch
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.losses.append(float((logs or {})["loss"]))  # this waits for the last step
        self.seconds.append(time.perf_counter() - self.began)
        self.watch.step(f"training, loss {self.losses[-1]:.3f}", (epoch + 1) / self.segments)
        self.after()


class Course(NamedTuple):
    """How a training goes: its segments, what is called after each, and the schedule of its rate.

    What `after` takes is outside of all times.
    smoothing: of the targets; precision: of what is computed in training, not of what is measured
    """

    segments: int = SEGMENTS
    after: Callable[[], None] = lambda: None
    schedule: MakeSchedule = warm_up_then_decay
    smoothing: float = 0.0
    precision: str = "float32"


USUAL = Course()


def fit(
    network: keras.Model,
    rows: Rows,
    objective: Objective,
    *,
    sizes: Sizes,
    seed: int,
    watch: Watch,
    course: Course = USUAL,
) -> Training:
    """Train a network whose output "logits" scores answers, with AdamW.

    Units:  losses in nats, a mean over the weights of a segment; steps_per_second: of the fastest
            segment but the first, which compiles (other work on a machine only ever slows)
    """
    segments = course.segments
    each = max(sizes.steps // segments, 1)
    stream = Stream(rows, objective, batch=sizes.batch, segment_steps=each, seed=seed)
    follow = _Follow(stream, segments, watch, course.after)
    watch.step("compiling", 0.0)
    with computing_in(network, course.precision):
        _compile(network, course.schedule(sizes.rate, each * segments), course.smoothing)
        network.fit(stream, epochs=segments, shuffle=False, verbose=0, callbacks=[follow])
    return Training(
        steps=[each * (i + 1) for i in range(segments)],
        losses=follow.losses,
        steps_per_second=each / min(follow.seconds[1:] or follow.seconds),
        seconds=sum(follow.seconds),
    )


def _compile(network: keras.Model, rate: Any, smoothing: float = 0.0) -> None:
    network.compile(
        make_optimizer(network, Rate(rate)),
        loss={"logits": ClassCrossentropy(smoothing=smoothing)},
        jit_compile=keras.backend.backend() == "jax",
    )


def step_ratio(
    network: keras.Model, other: keras.Model, rows: Rows, objective: Objective, sizes: Sizes
) -> float:
    """The seconds of a training step in parts of another network's, taken in turns.

    Of each the quickest turn counts: other work on a machine only ever slows. Both networks are
    trained by it, and compiled anew.
    """
    stream = Stream(rows, objective, batch=sizes.batch, segment_steps=TIMED, seed=0)
    quickest = [float("inf"), float("inf")]
    for each in (network, other):
        _compile(each, 1e-6)
        each.fit(stream, epochs=1, shuffle=False, verbose=0)
    for _ in range(TURNS):
        for i, each in enumerate((network, other)):
            began = time.perf_counter()
            each.fit(stream, epochs=1, shuffle=False, verbose=0)
            quickest[i] = min(quickest[i], time.perf_counter() - began)
    return quickest[0] / quickest[1]


class Score(NamedTuple):
    """Sums over all answers: their nats, their weights, and the weights of those that are right."""

    nats: float
    targets: float
    right: float

    @property
    def loss(self) -> float:
        """Nats per answer."""
        return self.nats / self.targets

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return self.right / self.targets


def scorer(network: keras.Model, objective: Objective, *, batch: int) -> Callable[[Rows], Score]:
    """What measures a network on rows, as often as it is called; compiled once."""

    def sums(inputs: Any, targets: Any, weights: Any) -> Any:
        logits = network(inputs, training=False)["logits"]
        right = ops.cast(ops.argmax(logits, axis=-1) == targets, "float32")
        nats = class_crossentropy(targets, logits)
        return ops.stack([ops.sum(each * weights) for each in (nats, ops.ones_like(nats), right)])

    run = Compiled(network, sums)

    def score(rows: Rows) -> Score:
        parts = [run(*each) for each in in_order(rows, objective, batch)]
        total = np.sum([ops.convert_to_numpy(part) for part in parts], axis=0, dtype="float64")
        return Score(*map(float, total))

    return score


def in_order(rows: Rows, objective: Objective, batch: int) -> Iterator[Batch]:
    """All rows once in batches of one size; copies that fill the last one have no weight."""
    count = len(rows["tokens"])
    for start in range(0, count, batch):
        chosen = np.resize(np.arange(start, min(start + batch, count)), batch)
        random = np.random.default_rng(start)
        inputs, targets, weights = objective(_taken(rows, chosen), random)
        weights[count - start :] = 0
        yield inputs, targets, weights


def frequencies(texts: Texts, objective: Objective, *, answers: int, batch: int) -> float:
    """Nats per answer of one who knows only how frequent each answer is in training."""
    both = (texts.train, texts.test)
    counts, targets = (_counts(rows, objective, answers, batch) for rows in both)
    known = (counts + 1) / (counts.sum() + answers)
    return float(-(targets * np.log(known)).sum() / targets.sum())


def _counts(rows: Rows, objective: Objective, answers: int, batch: int) -> np.ndarray:
    counts = np.zeros(answers)
    for _, targets, weights in in_order(rows, objective, batch):
        counts += np.bincount(targets.ravel(), weights.ravel(), answers)
    return counts


def _taken(rows: Rows, chosen: np.ndarray) -> Rows:
    return {name: values[chosen] for name, values in rows.items()}
