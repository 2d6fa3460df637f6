"""Fine-tuning a pretrained encoder by `Task.fit`; a variant changes options of training."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np

import playmask
from playmask.data.examples import Example, ordered
from playmask.experiments.corpora import Corpus
from playmask.experiments.encoders import random_encoder, shortened
from playmask.experiments.models import described
from playmask.experiments.plan import Desk, Outcome, Sizes, Task, Training, Trial, Watch
from playmask.model.transformer import Transformer
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks import SentenceEncoder, TextClassifier

OPTIONS = frozenset(field.name for field in dataclasses.fields(TrainingOptions))


class Lessons(NamedTuple):
    """A task's texts: all that may be learnt from, those to be measured on, and all their texts."""

    train: Sequence[Example]
    test: Sequence[Example]

    @property
    def texts(self) -> list[str]:
        """Every text to learn from."""
        return [text for e in self.train for text in (e.text, e.pair) if text is not None]


class Measured(NamedTuple):
    """What a trained task reaches; baseline: the loss of one who knows frequencies alone."""

    metrics: dict[str, float]
    loss: float
    baseline: float


class Clock(keras.callbacks.Callback):
    """Notes the seconds of each step and the loss of each epoch."""

    def __init__(self, watch: Watch, steps: int) -> None:
        super().__init__()
        self.watch, self.steps = watch, steps
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self.done: list[int] = []
        self.began = 0.0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """A step begins."""
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """A step has ended: its loss is there, which waits for it."""
        loss = float((logs or {})["loss"])
        self.seconds.append(time.perf_counter() - self.began)
        self.watch.step(f"training, loss {loss:.3f}", min(len(self.seconds) / self.steps, 1.0))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """An epoch has ended."""
        self.losses.append(float((logs or {})["loss"]))
        self.done.append(len(self.seconds))

    def training(self) -> Training:
        """How the training went; the speed is that of the median step, as some compile."""
        speed = 1 / statistics.median(self.seconds)
        return Training(self.done, self.losses, speed, sum(self.seconds))


def prepare(corpus: Corpus, sizes: Sizes) -> Lessons:
    """The texts as they are."""
    return Lessons(corpus.train[: sizes.train], corpus.test[: sizes.test])


def encoder_of(trial: Trial, desk: Desk, depth: int) -> Transformer:
    """The encoder that a trial starts from, with so many blocks: that of the desk, or a new one."""
    sizes = dataclasses.replace(trial.sizes, depth=depth)
    name = f"encoder.{trial.task.name}.{depth}"
    if desk.encoder is None:
        path = random_encoder(desk.texts.texts, sizes, desk.folder / name)
    else:
        path = shortened(desk.encoder, desk.texts.texts, sizes, desk.folder / name)
    keras.utils.set_random_seed(trial.seed)
    model: Transformer = playmask.load(path, heads=())
    return model


def learn(
    trial: Trial,
    desk: Desk,
    new: Callable[..., Any],
    measure: Callable[[Any, Sequence[Example]], Measured],
) -> Outcome:
    """Fine-tune on some of the texts, drawn by the seed; the others are texts without labels.

    new: makes a task of a model and settings
    """
    sizes, lessons = trial.sizes, desk.texts
    changes = dict(trial.changes)
    count = int(sizes.more.get("labelled", len(lessons.train)))
    order = np.random.default_rng(trial.seed).permutation(len(lessons.train))
    labelled = [lessons.train[i] for i in order[:count]]
    model = encoder_of(trial, desk, changes.pop("depth", sizes.depth))
    if changes.pop("beside", False):
        changes["unlabelled"] = [lessons.train[i].text for i in order[count:]]
    options = {name: value for name, value in changes.items() if name in OPTIONS}
    task = new(model, **{name: value for name, value in changes.items() if name not in OPTIONS})
    if "theseus" in options:
        fit(trial, task, labelled, desk.watch)
        options["teacher"], task = task, playmask.keep_blocks(task, int(options["theseus"]))
    clock = fit(trial, task, labelled, desk.watch, **options)
    desk.watch.step("measuring", 0.0)
    reached = measure(task, lessons.test)
    return Outcome(
        {**reached.metrics, "loss": reached.loss},
        loss=reached.loss,
        baseline=reached.baseline,
        training=clock.training(),
        model=described(task.transformer, sizes.length),
        facts={
            "learnt from": f"{len(labelled):,} examples",
            "beside them, for some variants": f"{len(order) - count:,} without labels",
            "measured on": f"{len(lessons.test):,}",
        },
        samples={},
    )


def fit(
    trial: Trial, task: Any, labelled: Sequence[Example], watch: Watch, **options: Any
) -> Clock:
    """Train a task for a trial's number of steps, at its rate, with options."""
    sizes = trial.sizes
    keras.utils.set_random_seed(trial.seed)
    clock = Clock(watch, sizes.steps)
    task.fit(
        labelled,
        epochs=sizes.steps,  # more than there are: a loss may learn from few of the examples
        max_steps=sizes.steps,
        batch_size=sizes.batch,
        seed=trial.seed,
        callbacks=[clock],
        verbose=0,
        **{"learning_rate": sizes.rate, **options},
    )
    return clock


def classify(trial: Trial, desk: Desk) -> Outcome:
    """Learn the label of a text, or of a pair."""
    labels = ordered(example.label for example in desk.texts.train)
    new = partial(_classifier, labels=labels, length=trial.sizes.length)
    return learn(trial, desk, new, _classified)


def _classifier(model: Transformer, labels: list[str], length: int, **settings: Any) -> Any:
    return TextClassifier.new(model, labels, max_length=length, **settings)


def _classified(task: Any, test: Sequence[Example]) -> Measured:
    """Accuracy, and the nats that a label costs."""
    answers = task.answer(test)
    chances = [
        answer.probabilities[example.label] for answer, example in zip(answers, test, strict=True)
    ]
    right = np.mean([a.label == e.label for a, e in zip(answers, test, strict=True)])
    _, counts = np.unique([example.label for example in test], return_counts=True)
    shares = counts / counts.sum()
    loss = float(-np.log(np.maximum(chances, 1e-9)).mean())
    return Measured({"accuracy": float(right)}, loss, float(-(shares * np.log(shares)).sum()))


def compare(trial: Trial, desk: Desk) -> Outcome:
    """Learn vectors of sentences whose cosines are in the order of their pairs' scores."""
    new = partial(_encoder, length=trial.sizes.length)
    return learn(trial, desk, new, _compared)


def _encoder(model: Transformer, length: int, **settings: Any) -> Any:
    own = {"language_model": 0.0, "pooling": "mean", **settings}
    return SentenceEncoder.new(model, max_length=length, **own)


def _compared(task: Any, test: Sequence[Example]) -> Measured:
    """Spearman's correlation; the loss is the part of it that lacks."""
    correlation = task.evaluate(test)["spearman"]
    return Measured({"spearman": correlation}, 1 - correlation, 1.0)


def classifying(
    name: str, title: str, corpus: str, sizes: dict[str, Sizes], variants: Sequence[str]
) -> Task:
    """A task of fine-tuning: texts or pairs and their labels."""
    metrics = ("accuracy", "loss")
    return Task(name, title, corpus, metrics, sizes, prepare, classify, tuple(variants))


def comparing(
    name: str, title: str, corpus: str, sizes: dict[str, Sizes], variants: Sequence[str]
) -> Task:
    """A task of fine-tuning: pairs of sentences and their scores."""
    return Task(
        name, title, corpus, ("spearman",), sizes, prepare, compare, tuple(variants),
        baseline="Vectors of chance have the correlation 0.",
    )  # fmt: skip
