"""k-fold cross-validation: a training for each fold, measured on the examples it was not on."""

import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from playmask.data.examples import Examples
from playmask.data.streams import fingerprint
from playmask.errors import ConfigError
from playmask.files import make_directory, read_json, write_json
from playmask.model.recipes import to_json
from playmask.runtime.train.backup import finished_epochs
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks.ensemble import ENSEMBLE, write_ensemble
from playmask.tasks.loading import load_task
from playmask.tasks.training import limited

RECORD = "folds.json"
FOLD = "fold-{}"


class CrossValidation(NamedTuple):
    """What `evaluate` measured in each fold; directory: where each fold's task is saved, if any."""

    folds: tuple[dict[str, float], ...]
    directory: Path | None = None

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each measure over the folds."""
        return {name: float(np.mean(values)) for name, values in self._values().items()}

    @property
    def deviation(self) -> dict[str, float]:
        """The standard deviation of each measure, of a sample: by the number of folds less 1."""
        return {name: float(np.std(values, ddof=1)) for name, values in self._values().items()}

    def _values(self) -> dict[str, list[float]]:
        names = [name for name in self.folds[0] if name != "examples"]
        return {name: [fold[name] for fold in self.folds] for name in names}

    def save_ensemble(self) -> Path:
        """Let `load_task` of the directory give the folds' ensemble; see `Ensemble`.

        Raises: ConfigError where the folds are not saved, or the tasks score no answers
        """
        if self.directory is None:
            raise ConfigError("The folds' tasks are not kept; cross_validate with directory=….")
        names = [FOLD.format(number) for number in range(1, len(self.folds) + 1)]
        return write_ensemble(self.directory, names, load_task)


def cross_validate(
    new_task: Callable[[], Any],
    data: Any,
    options: TrainingOptions | None = None,
    *,
    folds: int = 5,
    directory: str | Path | None = None,
    resume: bool = False,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    verbose: Any = "auto",
    **changes: Any,
) -> CrossValidation:
    """Train a fresh task on all but one part of the data, for each part, and measure it there.

    The parts are drawn by the options' seed; where each example has one label, each label is spread
    over them evenly. The last epoch is what is measured: a best one would be chosen by the part.

    new_task: makes a fresh task, on a model of its own; data, options, callbacks, verbose, changes:
    as of `Task.fit`; directory: where each fold's task is saved, in fold-1 …, with what it scored
    in folds.json; resume: go on with what is there, fold by fold
    Raises: ConfigError for folds that cannot be, or other data or options than those to go on with

    Example:
        >>> new_task = lambda: TextClassifier.new(path, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> result = cross_validate(new_task, data, folds=2, epochs=1, verbose=0)
        >>> sorted(result.mean), [fold["examples"] for fold in result.folds]
        (['accuracy', 'loss', 'macro_f1'], [4, 4])

    """
    options = (options or TrainingOptions()).change(**changes)
    _check(options)
    task = new_task()
    examples: Examples[Any] = limited(task.read(data), options.limit)
    options = options.change(limit=None)
    task.settings = settings = task.learn(task.settings, examples)
    parts = fold_parts(len(examples), folds, options.seed, classes_of(task, examples))
    record = _Record(directory, folds, options, fingerprint(examples), resume=resume)
    before: weakref.ref[Any] | None = None
    for number, held in enumerate(parts):
        if len(record.scores) > number:
            continue
        task = task or new_task()
        before = _another_model(task, before)
        task.settings = settings  # one scale, and the same labels, in all folds
        folder = None if directory is None else Path(directory) / FOLD.format(number + 1)
        task.fit(
            examples.chosen(sorted({*range(len(examples))} - {*held})),
            options=options,
            directory=folder,
            resume=resume and folder is not None and finished_epochs(folder) is not None,
            callbacks=callbacks,
            verbose=verbose,
        )
        record.add(task.evaluate(examples.chosen(held)))
        task = None
    return CrossValidation(tuple(record.scores), None if directory is None else Path(directory))


def _check(options: TrainingOptions) -> None:
    """Refuse what folds cannot have; raises ConfigError."""
    if options.stream:
        raise ConfigError("Folds divide examples that are held; leave stream out.")
    if options.time_limit is not None:
        raise ConfigError(
            "time_limit leaves trainings that are not finished; leave it out of folds."
        )
    if options.label_by_teacher:
        raise ConfigError("Folds divide labelled examples; label them by the teacher before.")


def _another_model(task: Any, before: "weakref.ref[Any] | None") -> "weakref.ref[Any]":
    """The model of a task, which is not to be the one that the fold before has trained."""
    if before is not None and before() is task.transformer:
        raise ConfigError(
            "new_task put a task on the model that the fold before has trained; make, or load, a "
            "model for each."
        )
    return weakref.ref(task.transformer)


def classes_of(task: Any, examples: Sequence[Any]) -> list[Any] | None:
    """The label of each example, where each has one."""
    if task.objective.targets != "classes":
        return None
    return [example.label for example in examples]


def fold_parts(
    count: int, folds: int, seed: int, classes: Sequence[Any] | None = None
) -> list[list[int]]:
    """Divide so many examples into parts at random, which differ by one example at most.

    classes: of the examples; those of each class are divided as evenly
    Raises: ConfigError for less than 2 folds, or more than there are examples
    """
    if not 2 <= folds <= count:
        raise ConfigError(f"folds are from 2 to the {count} examples, not {folds}.")
    order = np.random.default_rng(seed).permutation(count)
    if classes is not None:
        _, numbers = np.unique(np.array(classes), return_inverse=True)
        order = order[np.argsort(numbers[order], kind="stable")]
    return [sorted(map(int, order[part::folds])) for part in range(folds)]


class _Record:
    """The scores of the folds that are finished, on disk where there is a directory."""

    def __init__(
        self,
        directory: str | Path | None,
        folds: int,
        options: TrainingOptions,
        data: str,
        *,
        resume: bool,
    ) -> None:
        self.file = None if directory is None else Path(directory) / RECORD
        self.plan = {"format": 1, "folds": folds, "options": to_json(options), "data": data}
        self.scores: list[dict[str, float]] = []
        if self.file is None:
            return
        if resume and self.file.is_file():
            before = read_json(self.file)
            other = next((name for name in self.plan if before.get(name) != self.plan[name]), None)
            if other is not None:
                raise ConfigError(
                    f"The cross-validation in {directory} had other {other}; going on needs the "
                    "same. Begin anew instead."
                )
            self.scores = before["scores"]
        make_directory(self.file.parent)
        if not self.scores:
            self.file.with_name(ENSEMBLE).unlink(missing_ok=True)
        self._write()

    def add(self, scores: dict[str, float]) -> None:
        """Take down what one more fold scored."""
        plain = {n: v if isinstance(v, int) else float(v) for n, v in scores.items()}
        self.scores.append(plain)
        self._write()

    def _write(self) -> None:
        if self.file is not None:
            write_json(self.file, {**self.plan, "scores": self.scores})
