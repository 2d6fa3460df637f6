"""Cross-validation from the command line: `playmask train … --folds 5`."""

from functools import partial
from typing import Any

from playmask.cli.actions.new_task import new_task
from playmask.cli.actions.run_folder import Job, Options, check_out, options_of, record, settle
from playmask.cli.actions.train import Stopping, announce, check_data, read_data
from playmask.cli.actions.train_progress import progress
from playmask.cli.guard import Interrupted
from playmask.cli.output import no_results, note, print_table
from playmask.data.examples import Examples
from playmask.errors import ConfigError
from playmask.files import make_directory
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks.classification.text_task import TextTask
from playmask.tasks.cross_validation import CrossValidation, cross_validate
from playmask.tasks.registry import task_class
from playmask.tasks.settings import TaskSettings


def run(settings_class: type[TaskSettings], job: Job, options: Options) -> None:
    """Cross-validate, and leave each fold's task and what it scored in `job.out`."""
    kind = task_class(settings_class.task)
    _check(settings_class, kind, job)
    check_out(job, options.get("model"))
    options = settle(job, options, settings_class)
    training = options_of(TrainingOptions, options)
    examples, _, settings = read_data(kind, job, options_of(settings_class, options), training)
    make_task = partial(new_task, kind, settings, options, examples)
    task = make_task()
    examples = check_data(task.read, job.train, examples, skip_bad=job.skip_bad)
    announce(task, options, examples, None)
    result = _validated(make_task, examples, job, options)
    _print(result)
    if job.ensemble:
        result.save_ensemble()
        usage = settings.usage.format(out=job.out)
        note(f"{job.out} is the ensemble of the folds; try it: playmask {usage}")


def _check(settings_class: type[TaskSettings], kind: Any, job: Job) -> None:
    """Refuse what does not go together, before anything is read."""
    if job.folds is None:
        raise ConfigError("--ensemble is of folds; give --folds too, or leave it out.")
    if job.validation is not None:
        raise ConfigError("--folds divide the training data; leave --validation out.")
    if job.ensemble and not issubclass(kind, TextTask):
        raise ConfigError(
            f"A task {settings_class.task!r} has no probabilities of a text's answers to average; "
            "leave --ensemble out."
        )


def _validated(
    make_task: Any, examples: Examples[Any], job: Job, options: Options
) -> CrossValidation:
    make_directory(job.out)
    record(job, options, finished=False)
    try:
        with Stopping() as stopping, no_results(), progress() as watching:
            result = cross_validate(
                make_task,
                examples,
                options_of(TrainingOptions, {**options, "label_by_teacher": False}),
                folds=int(job.folds or 0),
                directory=job.out,
                resume=job.resume,
                callbacks=[stopping, *watching],
                verbose=0,
            )
    except KeyboardInterrupt:
        state = f"the folds that are finished are in {job.out}; go on with --resume"
        raise Interrupted(f"interrupted; {state}") from None
    record(job, options, finished=True)
    return result


def _print(result: CrossValidation) -> None:
    mean, deviation = result.mean, result.deviation
    rows = [
        (
            name,
            f"{mean[name]:.4f} ± {deviation[name]:.4f}",
            *(f"{fold[name]:.4f}" for fold in result.folds),
        )
        for name in mean
    ]
    numbers = map(str, range(1, len(result.folds) + 1))
    title = f"{len(result.folds)} folds"
    print_table(title, rows, header=("", "mean ± deviation", *numbers), numbers=True)
