"""Searching for the best options of a training: trials one after the other, the best task kept."""

import gc
import math
import shlex
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, get_type_hints

import keras

from playmask.cli.actions.new_task import new_task
from playmask.cli.actions.run_folder import (
    CURVE,
    RUN,
    TABLES,
    Job,
    Options,
    defaults_of,
    options_of,
    settle,
)
from playmask.cli.actions.search_space import Space, read_space, usual_space
from playmask.cli.actions.study import Study
from playmask.cli.actions.train import Stopping, read_data
from playmask.cli.actions.train_progress import progress
from playmask.cli.guard import Interrupted
from playmask.cli.options import NewModel
from playmask.cli.output import clock_time, no_results, note, print_table
from playmask.data.streams import fingerprint
from playmask.errors import ConfigError, PlaymaskError
from playmask.files import make_directory, write_json
from playmask.inspection.draw import training_curve
from playmask.inspection.draw.searches import search_picture
from playmask.model.recipes import Options as Recipe
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.watching.history import History
from playmask.runtime.train.watching.measures import Measure, best_epoch
from playmask.tasks.registry import task_class
from playmask.tasks.settings import TaskSettings

PICTURE, TABLE = "search.png", "trials.json"
TRIALS = 20


class Search(NamedTuple):
    """How many trials there are, 20 by default, over what; None: the usual space."""

    trials: int | None
    space: str | None
    no_pruning: bool | None

    @property
    def limit(self) -> int:
        """How many trials there are in all."""
        return self.trials or TRIALS


class Tuning(NamedTuple):
    """What all trials share; chosen: the options that the command line has named."""

    settings: type[TaskSettings]
    job: Job
    options: Options
    chosen: Options
    space: Space
    measure: Measure
    data: dict[Any, Any]  # what was read, by the settings and options of the reading

    @property
    def kind(self) -> Any:
        """The class of the task."""
        return task_class(self.settings.task)

    def examples(self, options: Options) -> tuple[Any, Any, TaskSettings]:
        """The examples to learn from, those to measure on, and the settings that they say."""
        settings = options_of(self.settings, options)
        training = options_of(TrainingOptions, options)
        key = settings, training.limit, training.stream
        if key not in self.data:
            self.data[key] = read_data(self.kind, self.job, settings, training)
        examples, checks, learnt = self.data[key]
        return examples, checks, learnt


def run(settings: type[TaskSettings], job: Job, options: Options, search: Search) -> None:
    """Search, and leave the best task, a table and a picture of all trials in `job.out`."""
    tuning, text = plan(settings, job, options, search)
    with Stopping() as stopping:
        examples, checks, _ = tuning.examples(tuning.options)
        known = {
            "task": settings.task,
            "space": text,
            "options": tuning.options,
            "data": [fingerprint(examples), fingerprint(checks)],
        }
        measure, seed = tuning.measure, tuning.options["seed"]
        prunes = not search.no_pruning
        study = Study(job.out, known, highest=measure.highest, seed=seed, prunes=prunes)
        try:
            while study.count < search.limit:
                _try(tuning, study, search.limit, stopping)
        except KeyboardInterrupt:
            state = f"{study.count} of {search.limit} trials are kept in {job.out}"
            raise Interrupted(f"interrupted; {state}; the same command goes on") from None
    show(tuning, study)


def plan(
    settings: type[TaskSettings], job: Job, options: Options, search: Search
) -> tuple[Tuning, str]:
    """What is searched, whole, and the text of its space; refuses what no trial could do."""
    if job.validation is None:
        raise ConfigError("A search compares trials on validation data; give --validation.")
    if options["time_limit"] is not None:
        raise ConfigError("--time-limit leaves trials that are not finished; leave it out.")
    chosen = {name: value for name, value in options.items() if value is not None}
    recipes: list[type[Recipe]] = [
        TrainingOptions,
        settings,
        *([NewModel] if options["new"] else []),
    ]
    hints = {name: hint for each in recipes for name, hint in get_type_hints(each).items()}
    hints = {name: hint for name, hint in hints.items() if name in options}
    free = {name for name in hints if name not in chosen}
    text = search.space or usual_space(free, new=bool(options["new"]))
    space = read_space(text, hints)
    both = [name for name in space if name in chosen]
    if both:
        raise ConfigError(f"--{both[0].replace('_', '-')} is given, and stands in --space too.")
    options = settle(job, options, settings)
    for name, values in space.items():
        recipe = next(each for each in recipes if name in defaults_of(each))
        if None in values.ends and defaults_of(recipe)[name] is not None:
            raise ConfigError(f"--space: {name} cannot be none.")
        for value in values.ends:
            options_of(recipe, {**options, name: value})  # refuses what is wrong
    measure = Measure.of(options["best"] or task_class(settings.task).best)
    return Tuning(settings, job, options, chosen, space, measure, {}), text


class Reporting(keras.callbacks.Callback):
    """Tells the study what each epoch has measured, and ends a trial that is not worth going on."""

    def __init__(self, study: Study, trial: Any, measure: Measure) -> None:
        super().__init__()
        self.study, self.trial, self.measure = study, trial, measure

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Report the measure; raises what ends a trial."""
        value = float((logs or {}).get(self.measure.key, math.nan))
        self.study.report(self.trial, epoch, value)


def _try(tuning: Tuning, study: Study, count: int, stopping: Stopping) -> None:
    """One trial, whatever comes of it."""
    trial = study.ask()
    values = {name: each.suggest(trial, name) for name, each in tuning.space.items()}
    note(f"{study.count + 1} of {count}, trial {trial.number + 1}: {_listed(values)}")
    begun = time.perf_counter()
    try:
        history = _train(tuning, study, trial, values, stopping)
    except KeyboardInterrupt:
        study.give_up(trial)
        raise
    except study.Pruned:
        study.end(trial, None, seconds=time.perf_counter() - begun)
        note("  ended early: worse than half of the trials were by then")
    except PlaymaskError as error:
        study.fail(trial, str(error))
        note(f"  failed: {error}")
    else:
        best = best_epoch(history, tuning.measure)
        value, seconds = history[tuning.measure.key][best], time.perf_counter() - begun
        first = study.end(
            trial, value, seconds=seconds, epoch=best + 1, epochs=len(history["loss"])
        )
        state = f"{tuning.measure.name} {value:.4f} in epoch {best + 1}; {clock_time(seconds)}"
        note(f"  {state}; the best so far" if first else f"  {state}")
    finally:
        gc.collect()


def _train(
    tuning: Tuning, study: Study, trial: Any, values: Options, stopping: Stopping
) -> History:
    """Train a task with the options of a trial, in a folder of its own."""
    options, folder = {**tuning.options, **values}, study.folder(trial)
    examples, checks, settings = tuning.examples(options)
    task = new_task(tuning.kind, settings, options, examples)
    training = options_of(TrainingOptions, {**options, "label_by_teacher": False})
    training = training.change(log=tuple(dict.fromkeys((TABLES, *training.log))))
    run = {"format": 1, "trial": trial.number, "options": options}
    make_directory(folder)
    write_json(folder / RUN, {**run, "finished": False})
    with no_results(), progress(lines=False) as watching:
        history: History = task.fit(
            examples,
            checks,
            training,
            directory=folder,
            skip_bad=tuning.job.skip_bad,
            callbacks=[stopping, Reporting(study, trial, tuning.measure), *watching],
            verbose=0,
        )
    write_json(folder / RUN, {**run, "finished": True})
    training_curve(history, folder / CURVE, steps=history.steps)
    return history


def show(tuning: Tuning, study: Study) -> None:
    """Print all trials, the best first, and how to train with the best options."""
    results = study.results()
    write_json(tuning.job.out / TABLE, {"measure": tuning.measure.name, "trials": results})
    finished = [each for each in results if each["state"] == "finished"]
    if not finished:
        reasons = [each["error"] for each in results if each.get("error")]
        raise ConfigError(f"No trial came to its end. {(reasons or [''])[0]}")
    sign = -1 if tuning.measure.highest else 1
    order = sorted(results, key=lambda each: (each["value"] is None, sign * (each["value"] or 0)))
    header = ["trial", tuning.measure.name, "epoch", "time", *tuning.space]
    rows = [[*_cells(each), *map(_cell, _of(each, tuning.space))] for each in order]
    early, failed = (sum(each["state"] == s for each in results) for s in ("early", "failed"))
    title = f"{len(results)} trials: {early} ended early, {failed} failed"
    print_table(title, rows, header=header, numbers=True)
    picture, measure = tuning.job.out / PICTURE, tuning.measure
    logarithmic = {name: getattr(each, "log", False) for name, each in tuning.space.items()}
    search_picture(results, logarithmic, measure.name, picture, highest=measure.highest)
    note(f"the picture is {picture}")
    note(f"the best task is in {study.best}; to train with its options again:")
    note(command_line(tuning, order[0]["options"]))


def _of(result: Mapping[str, Any], space: Space) -> list[Any]:
    return [result["options"].get(name) for name in space]


def _cells(result: Mapping[str, Any]) -> list[str]:
    """The trial's number, its value or what came in its place, the best epoch, the time."""
    value, seconds = result["value"], result.get("seconds")
    epoch = f"{result['epoch']}/{result['epochs']}" if result.get("epoch") else "–"
    return [
        str(result["trial"] + 1),
        result["state"] if value is None else f"{value:.4f}",
        epoch,
        "–" if seconds is None else clock_time(seconds),
    ]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return format(value, ".3g")
    return "–" if value is None else str(value)


def _listed(values: Options) -> str:
    return ", ".join(f"{name} {_cell(value)}" for name, value in values.items())


def command_line(tuning: Tuning, values: Options) -> str:
    """The command that trains with the options of a trial."""
    chosen: dict[str, Any] = {**tuning.job._asdict(), **tuning.chosen, **values}
    words: list[str] = ["playmask", "train", tuning.settings.task, str(chosen.pop("train"))]
    chosen["out"] = f"{chosen['out']}-again"
    for name, value in chosen.items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)
