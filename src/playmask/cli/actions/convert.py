"""Converting a checkpoint, and the proof that nothing changed."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from playmask.checkpoints import Report, load, save
from playmask.checkpoints.identify import identify
from playmask.checkpoints.load_plan import OURS
from playmask.checkpoints.source import KERAS, Source, find
from playmask.checkpoints.weights_file import INT8
from playmask.cli.actions.checkpoint import heads_in, print_report, tokenizer_beside
from playmask.cli.actions.progress import steps
from playmask.cli.input_texts import split
from playmask.cli.output import note
from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.families import FAMILIES
from playmask.files.commits import contents
from playmask.model.transformer import Transformer
from playmask.tasks.loading import load_task
from playmask.tasks.saving import arrays_of
from playmask.tasks.task_json import TASK
from playmask.tokenizers import Tokenizer

DTYPES = ("float32", "bfloat16", "float16")
BATCH, LENGTH = 2, 16  # the random texts that both models are compared on


class Conversion(NamedTuple):
    """What to convert to, and what to take the checkpoint for; None = as it says itself.

    config: where the configuration lies; files: what `save` takes of the files it writes
    """

    to: str = OURS.name
    heads: str | None = None
    dtype: str | None = None
    family: str | None = None
    ignore: str | None = None
    config: str | None = None
    files: dict[str, Any] = {}  # noqa: RUF012


def convert(
    path: str, target: Path, conversion: Conversion, trained: "TrainedTask | None", *, force: bool
) -> None:
    """Convert, as a task where a task's head is there, and say what came of it."""
    if trained is not None:
        report, values = run_task(path, target, conversion, trained, force=force)
        print_report(report)
        note(f"a task saved in {target}; loaded again, its {values:,} weights are the same")
        return
    report, difference, values = run(path, target, conversion, force=force)
    print_report(report)
    note(f"saved in {target}; loaded again, {values:,} outputs differ by at most {difference:g}")


def run(
    path: str, target: Path, conversion: Conversion, *, force: bool
) -> tuple[Report, float, int]:
    """Convert; returns the report, the largest difference of the outputs, and their number."""
    to, heads, dtype, family, _, config, _ = conversion
    ignore = split(conversion.ignore) or ()
    if dtype is not None and dtype not in DTYPES:
        raise ConfigError(f"There is no dtype {dtype!r} here.{nearest(dtype, DTYPES)}")
    source = find(path, family, config)
    report = identify(source, family, ignore)
    dialects = [OURS.name, *FAMILIES[report.family].dialects]
    if to not in dialects:
        raise ConfigError(f"{report.family!r} has no format {to!r}.{nearest(to, dialects)}")
    _check_target(source, target, to, force)
    chosen = heads_in(source, report) if heads is None else _heads(heads)
    with steps("loading…", "saving…", "loading again…", "comparing…") as step:
        step()
        model = load(path, heads=chosen, dtype=dtype, family=family, ignore=ignore, config=config)
        if dtype is not None:
            model.report = _stored_as(model.report, dtype)
        step()
        beside = None if source.container == KERAS else tokenizer_beside(source)
        save(model, target, to, tokenizer=beside, **conversion.files)
        step()
        again = load(target, heads=chosen, dtype=dtype, family=report.family, ignore=ignore)
        step()
        difference, values = _compare(model, again)
    rounded = conversion.files.get("container") == INT8
    if not difference <= 0 and not rounded:
        raise CheckpointError(f"{target} computes something else: by {difference:g} at most.")
    return model.report, difference, values


class TrainedTask(NamedTuple):
    """Which task a head that another program trained is of; options are "name=value"."""

    task: str
    labels: str | None = None
    tokenizer: str | None = None
    options: Sequence[str] = ()


def run_task(
    path: str, target: Path, conversion: Conversion, trained: TrainedTask, *, force: bool
) -> tuple[Report, int]:
    """Save the task that a head is of; returns the report, and how many numbers it holds."""
    source = find(path, conversion.family, conversion.config)
    _check_target(source, target, OURS.name, force)
    options: dict[str, Any] = {"config": conversion.config, "family": conversion.family}
    options |= {"ignore": split(conversion.ignore) or (), "dtype": conversion.dtype}
    options |= dict(map(_option, trained.options))
    if trained.labels is not None:
        options["labels"] = split(trained.labels)
    tokenizer = None if trained.tokenizer is None else Tokenizer.load(trained.tokenizer)
    with steps("loading…", "saving…", "loading again…") as step:
        step()
        task = load_task(path, task=trained.task, tokenizer=tokenizer, **options)
        step()
        task.save(target)
        step()
        before, after = arrays_of(task.network), arrays_of(load_task(target).network)
    for name, array in before.items():
        if not np.array_equal(array, after[name]):
            raise CheckpointError(f"{target} holds other values of {name}.")
    return task.transformer.report, sum(array.size for array in before.values())


def _option(text: str) -> tuple[str, Any]:
    """A setting "name=value", the value in JSON or else a string."""
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise ConfigError(f"--set takes NAME=VALUE, such as multiplier=1000, not {text!r:.80}.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _heads(heads: str) -> tuple[str, ...]:
    return tuple(name for name in split(heads) or () if name)


def _check_target(source: Source, target: Path, to: str, force: bool) -> None:
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is a file; DST is a folder.")
    if target.resolve() == source.directory.resolve():
        raise ConfigError(f"{target} is where the checkpoint lies; give another folder.")
    held = contents(target)
    if held and not force:
        raise ConfigError(f"{target} is not empty (it holds {held[0]}); --force writes into it.")
    if (target / TASK).exists():
        raise ConfigError(f"{target} holds a trained task; give another folder.")
    other = _container(target) if held else to
    if other not in (None, to):
        raise ConfigError(
            f"{target} holds a checkpoint of the format {other!r}, and two in one folder cannot be "
            "told apart; give another folder."
        )


def _container(target: Path) -> str | None:
    try:
        return find(target).container
    except CheckpointError:
        return None


def _stored_as(report: Report, dtype: str) -> Report:
    """A report after which `save` keeps the new dtype, not the one each tensor had."""
    kind = np.dtype(dtype)
    loaded = tuple(
        item._replace(dtype=kind, note=f"{item.note} from {item.dtype}".strip())
        if item.dtype != kind
        else item
        for item in report.loaded
    )
    return dataclasses.replace(report, loaded=loaded)


def _compare(one: Transformer, other: Transformer) -> tuple[float, int]:
    """The largest difference of all outputs on random texts, and how many numbers those are."""
    architecture = one.architecture
    length = min(LENGTH, architecture.limit or LENGTH)
    draw = np.random.default_rng(0)

    def ids(below: int) -> np.ndarray:
        return draw.integers(0, below, (BATCH, length)).astype("int32")

    inputs: dict[str, Any] = {"tokens": ids(architecture.vocabulary)}
    if architecture.segments:
        inputs["segments"] = np.sort(ids(architecture.segment_ids))
    if architecture.decoder is not None:
        inputs["target_tokens"] = ids(architecture.vocabulary)
    left, right = one(inputs), other(inputs)
    worst, values = 0.0, 0
    for name in left:
        a, b = (keras.ops.convert_to_numpy(out[name]).astype("float64") for out in (left, right))
        worst = max(worst, float(np.abs(a - b).max()))
        values += a.size
    return worst, values
