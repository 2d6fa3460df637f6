"""What `playmask train` is asked to do: options, defaults, and the folder it writes into."""

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from playmask.checkpoints.built_in import MODELS
from playmask.checkpoints.source import ARCHITECTURE, WEIGHTS
from playmask.cli.actions.default_model import default_model
from playmask.cli.options import NewModel
from playmask.cli.output import note
from playmask.errors import ConfigError
from playmask.files import read_json, write_bytes, write_json
from playmask.files.commits import contents, recover
from playmask.model.recipes import Options as Recipe
from playmask.runtime.train.backup import finished_epochs, is_finished
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.watching.logs import CSV
from playmask.runtime.train.watching.logs import FOLDER as LOG_FOLDER
from playmask.runtime.train.watching.table_log import EPOCHS, read_table
from playmask.tasks.cross_validation import RECORD
from playmask.tasks.settings import TaskSettings
from playmask.tasks.task_json import TASK, read_settings

R = TypeVar("R", bound=Recipe)

RUN, CURVE, TASK_FILE = "run.json", "curve.png", "task.yaml"
TABLES = CSV  # the log that every run keeps, for its picture and for playmask compare
NEW_RATE = 1e-3
FREE = ("time_limit", "save_every")
"""Options that change nothing that is learnt, so that those of a resumed training may be others."""

Options = dict[str, Any]


class Job(NamedTuple):
    """What to train on, and where; the options of the training itself are kept in run.json.

    task_file: the text of the file that says all this, if one does
    """

    train: Path
    validation: Path | None
    out: Path
    columns: str | None
    skip_bad: bool
    resume: bool
    force: bool
    folds: int | None = None
    ensemble: bool = False
    task_file: str | None = None


def record(job: Job, options: Options, *, finished: bool) -> None:
    """Keep the options of a training in its folder, and the file that they were read from."""
    write_json(job.out / RUN, {"format": 1, "finished": finished, "options": options})
    if job.task_file is not None:
        write_bytes(job.out / TASK_FILE, job.task_file.encode())


def check_out(job: Job, model: str | None) -> bool:
    """See that the training may write into its folder; whether it goes on with what is there."""
    check_folder(job.out, model, TASK, resume=job.resume, force=job.force)
    _check_kind(job)
    return goes_on(job.out, TASK, resume=job.resume)


def check_folder(out: Path, model: str | None, mark: str, *, resume: bool, force: bool) -> None:
    """See that a training may write into a folder, or go on there.

    model: the path, or the name, of what it starts from; mark: the file that says what was trained
    Raises: ConfigError
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file; --out is a folder.")
    recover(out)
    if resume and force:
        raise ConfigError("--resume goes on, --force begins anew; give one of them.")
    if model and Path(model).exists() and out.resolve() in _with_parents(Path(model)):
        raise ConfigError(f"{out} holds the model itself; give another --out.")
    ours = (out / mark).exists() or is_ours(out)
    if not (resume or force or ours) and contents(out):
        raise ConfigError(f"{out} holds other files; give a new folder as --out, or --force.")
    held = _held(out)
    if held and not (resume or force):
        raise ConfigError(
            f"{out} already holds a trained model ({held}); give another --out, --resume to go on "
            "with an interrupted training, or --force to replace it."
        )


def goes_on(out: Path, mark: str, *, resume: bool) -> bool:
    """Whether a training takes up what is in its folder; raises ConfigError for a finished one."""
    if not resume:
        return False
    if _held(out) and _is_finished(out):
        raise ConfigError(f"The training in {out} is finished; --force begins it anew.")
    return (out / mark).exists() and finished_epochs(out) is not None


def _held(out: Path) -> str | None:
    names = (TASK, WEIGHTS, ARCHITECTURE, RECORD)
    return next((name for name in names if (out / name).exists()), None)


def _check_kind(job: Job) -> None:
    """See that folds do not come beside a single task, nor the other way round."""
    other = RECORD if job.folds is None else TASK
    if (job.out / other).exists():
        what = "a cross-validation" if job.folds is None else "a single task"
        raise ConfigError(f"{job.out} holds {what} ({other}); give another --out.")


def _with_parents(path: Path) -> tuple[Path, Path]:
    return path.resolve(), path.resolve().parent


def _is_finished(out: Path) -> bool:
    if (out / RUN).exists():
        return bool(read_json(out / RUN).get("finished")) or is_finished(out)
    return finished_epochs(out) is None


def settle(job: Job, options: Options, settings: type[TaskSettings]) -> Options:
    """Put together the command's options, those of the interrupted training, and the defaults.

    A max_length that nobody named stays None: it may depend on the model.
    """
    chosen = with_interrupted(options, job.out) if job.resume else options
    if not (job.resume and (job.out / TASK).exists()):
        chosen = _with_model(chosen, job.train)
    if chosen["teacher"]:
        chosen = _as_teacher(chosen, settings)
    defaults = defaults_of(TrainingOptions) | defaults_of(settings)
    defaults |= defaults_of(NewModel) | {"learning_rate": NEW_RATE} if chosen["new"] else {}
    if chosen["model"] in MODELS:
        defaults |= {"learning_rate": MODELS[chosen["model"]].learning_rate}
    if not chosen["new"]:
        defaults.pop("max_length", None)
    chosen = {name: defaults.get(name) if v is None else v for name, v in chosen.items()}
    options_of(TrainingOptions, chosen)  # refuses what is wrong
    return chosen


def with_interrupted(options: Options, out: Path) -> Options:
    """The options with those of the interrupted training in a folder, where nobody named others.

    Raises: ConfigError for another value than it had, but of those in FREE
    """
    if not (out / RUN).exists():
        note(f"{out} holds no interrupted training; this one begins at the first epoch")
        return options
    saved = read_json(out / RUN).get("options", {})
    for name, value in options.items():
        if saved and value not in (None, saved.get(name)) and name not in FREE:
            raise ConfigError(
                f"--{name.replace('_', '-')} {value} differs from the interrupted training's "
                f"{saved.get(name)}; leave it out, or begin anew with --force."
            )
    return {**options, **{n: v for n, v in saved.items() if options.get(n) is None}}


def _as_teacher(chosen: Options, settings: type[TaskSettings]) -> Options:
    """The options with the settings of the teacher, where nobody said others."""
    its, _ = read_settings(Path(chosen["teacher"]))
    if not isinstance(its, settings):
        raise ConfigError(f"{chosen['teacher']} holds a task {its.task!r}, not {settings.task!r}.")
    own = {name: getattr(its, name) for name in defaults_of(settings) if name in chosen}
    return {**chosen, **{name: value for name, value in own.items() if chosen[name] is None}}


def defaults_of(recipe: type[Any]) -> Options:
    """The default of each option of a recipe."""
    return {field.name: field.default for field in dataclasses.fields(recipe)}


def options_of(recipe: type[R], options: Options) -> R:
    """A recipe of those of the options that are its own; lists have commas between."""
    hints = get_type_hints(recipe)
    values = {name: options[name] for name in defaults_of(recipe) if options.get(name) is not None}
    lists = {
        name: [_item(each.strip(), get_args(hints[name])[0]) for each in value.split(",")]
        for name, value in values.items()
        if isinstance(value, str) and get_origin(hints[name]) is tuple
    }
    return recipe.of(**{**values, **lists})


def _item(text: str, kind: type) -> Any:
    """An item of a list: a number where these are due and it is one."""
    if kind is int and text.isdecimal():
        return int(text)
    try:
        return float(text) if kind is float else text
    except ValueError:
        return text


def _with_model(options: Options, train: Path) -> Options:
    """The options with what the training starts from: as named, or what suits the texts."""
    if options["teacher"] and options["theseus"] and not (options["model"] or options["new"]):
        return options  # the task begins as some of the teacher's blocks
    if options["model"] and options["new"]:
        raise ConfigError(
            "Give --model PATH to start from a pretrained model, or --new for a small random one, "
            "not both."
        )
    if not (options["model"] or options["new"]):
        options = {**options, "model": default_model(train)}
    size = next((n for n in defaults_of(NewModel) if options[n] is not None), None)
    if options["model"] and size:
        raise ConfigError(
            f"--{size.replace('_', '-')} is for --new; a pretrained model has its own."
        )
    return options


def seconds_of(out: Path) -> float | None:
    """How long the epochs of a training took, all its starts together; None: no log tells."""
    rows = read_table(out / LOG_FOLDER / EPOCHS)
    ends = [row["seconds"] for row in rows]
    steps = [now - before if now > before else now for before, now in pairwise([0.0, *ends])]
    return sum(steps) if rows else None


def is_ours(out: Path) -> bool:
    """Whether a folder was made by a training: only then may anything in it be removed."""
    return any((out / name).exists() for name in (TASK, RUN, RECORD))
