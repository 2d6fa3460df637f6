"""Running an experiment: one file a trial, kept; a trial that is there already is not run again."""

import json
import platform
import re
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

import playmask
from playmask.errors import ConfigError, PlaymaskError, nearest
from playmask.experiments import corpora
from playmask.experiments.plan import (
    SCALES,
    Changes,
    Desk,
    Experiment,
    Task,
    Trial,
    Watch,
    digest,
)
from playmask.files import make_directory, write_json
from playmask.runtime.threads import usable_cores

Result = dict[str, Any]


class NotLearnedError(PlaymaskError):
    """A variant learned nothing where every one must."""


def run(
    experiment: Experiment,
    scale: str = "default",
    *,
    out: Path,
    data: Path | None = None,
    encoder: Path | None = None,
    seeds: Sequence[int] = (),
    only: Sequence[str] = (),
    watch: Watch | None = None,
) -> list[Result]:
    """Run all trials whose results are not in `out` yet, and return all results.

    data: the folder of the data sets; encoder: the pretrained one that fine-tuning starts from;
    seeds: in place of the scale's own; only: these variants
    Raises: DataError where texts are missing, before anything runs; NotLearnedError
    """
    watch = watch or Watch()
    plan = trials(experiment, scale, seeds=seeds, only=only)
    texts = {
        task.corpus: corpora.load(task.corpus, data, invent=SCALES[scale].invent)
        for task in {trial.task.name: trial.task for trial in plan}.values()
    }
    folder = out / experiment.name / scale
    make_directory(folder)
    results: list[Result] = []
    prepared: dict[str, Any] = {}
    for number, trial in enumerate(plan, 1):
        corpus = texts[trial.task.corpus]
        settings = trial.settings(corpus.source, encoder)
        file = folder / file_name(trial, settings)
        own = _kept(file)
        result = own or _shared(out, trial, settings)
        watch.begin(trial, number, len(plan), result is not None)
        if result is None:
            if trial.task.name not in prepared:
                watch.step("preparing texts", 0.0)
                prepared = {trial.task.name: trial.task.prepare(corpus, trial.sizes)}
            desk = Desk(prepared[trial.task.name], corpus.source, watch, folder, encoder)
            result = _measured(trial, desk, settings)
        if own is None:
            write_json(file, result)
        _check(trial, result)
        results.append(result)
    return results


def trials(
    experiment: Experiment, scale: str, *, seeds: Sequence[int] = (), only: Sequence[str] = ()
) -> list[Trial]:
    """All trials of an experiment: seeds outermost, so that one seed is complete early.

    The first seed has all variants of a task, others those that a claim on it names.
    """
    if scale not in SCALES:
        raise ConfigError(f"There is no scale {scale!r}.{nearest(scale, SCALES)}")
    chosen = SCALES[scale]
    _check_names(experiment, scale, only)
    plan: list[tuple[Task, str, Changes]] = []
    met: set[str] = set()
    for task in experiment.tasks:
        variants = taking_part(experiment, task, scale)
        first = next(iter(variants))
        plan += [
            (task, name, changes)
            for name, changes in variants.items()
            if (chosen.crossed or name == first or name not in met) and (not only or name in only)
        ]
        met |= variants.keys()
    claimed = {(c.task, name) for c in experiment.claims for name in (c.left, c.right)}
    return [
        Trial(experiment.name, task, name, changes, scale, seed)
        for number, seed in enumerate(seeds or chosen.seeds)
        for task, name, changes in plan
        if number == 0 or (task.name, name) in claimed
    ]


def taking_part(experiment: Experiment, task: Task, scale: str) -> dict[str, Changes]:
    """The variants that learn a task."""
    variants = experiment.variants(task.sizes[scale])
    return {n: c for n, c in variants.items() if not task.variants or n in task.variants}


def _check_names(experiment: Experiment, scale: str, only: Sequence[str]) -> None:
    known = experiment.variants(experiment.tasks[0].sizes[scale])
    for name in only:
        if name not in known:
            raise ConfigError(f"{experiment.name} has no variant {name!r}.{nearest(name, known)}")


def file_name(trial: Trial, settings: dict[str, Any]) -> str:
    """What a trial's result is called; other settings give another name."""
    variant = re.sub(r"\W+", "-", trial.variant)
    return f"{trial.task.name}.{variant}.seed-{trial.seed}.{digest(settings)}.json"


def _kept(file: Path) -> Result | None:
    """A result that was written; None where there is none, or something else."""
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and result.get("format") == 1 else None


def _shared(out: Path, trial: Trial, settings: dict[str, Any]) -> Result | None:
    """The result of another experiment's trial that computes the same, or None.

    Within an experiment a variant's name may decide what is computed, as in `masks`.
    """
    for file in sorted(out.glob(f"*/{trial.scale}/{trial.task.name}.*.seed-{trial.seed}.*.json")):
        result = _kept(file) if file.parent.parent.name != trial.experiment else None
        if result is not None and _computed(result["settings"]) == _computed(settings):
            return {**result, "settings": settings}
    return None


def _computed(settings: dict[str, Any]) -> str:
    """Settings without names."""
    names = ("experiment", "variant")
    return digest({key: value for key, value in settings.items() if key not in names})


def _measured(trial: Trial, desk: Desk, settings: dict[str, Any]) -> Result:
    began = time.perf_counter()
    outcome = trial.task.run(trial, desk)
    return {
        "format": 1,
        "settings": settings,
        "metrics": {
            **outcome.metrics,
            "steps_per_second": outcome.training.steps_per_second,
            "parameters": outcome.model["parameters"],
            "operations": outcome.model["operations"],
        },
        "loss": outcome.loss,
        "baseline": outcome.baseline,
        "training": outcome.training._asdict(),
        "facts": outcome.facts,
        "shown": outcome.samples,
        "architecture": outcome.model["architecture"],
        "environment": environment(),
        "seconds": round(time.perf_counter() - began, 1),
    }


def _check(trial: Trial, result: Result) -> None:
    """Refuse a model that knows no more than how frequent each answer is, where that is asked."""
    if SCALES[trial.scale].must_learn and not result["loss"] < learned_below(result["baseline"]):
        raise NotLearnedError(
            f"{trial.variant} learned nothing on {trial.task.name} (seed {trial.seed}): its loss "
            f"is {result['loss']:.3f} nats, that of the answers' frequencies alone "
            f"{result['baseline']:.3f}."
        )


def learned_below(baseline: float) -> float:
    """The loss below which something was learned: a twentieth less than the frequencies alone."""
    return 0.95 * baseline


DEVICES: dict[str, Callable[[Any], str]] = {
    "jax": lambda jax: str(jax.devices()[0].device_kind),
    "tensorflow": lambda tf: str(tf.config.list_physical_devices()[-1].device_type),
    "torch": lambda torch: torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
}
"""What each backend calls the device that it computes on."""


def environment() -> dict[str, Any]:
    """What a result was measured with."""
    backend = keras.backend.backend()
    return {
        "playmask": playmask.__version__,
        "keras": keras.__version__,
        "backend": backend,
        "backend version": getattr(import_module(backend), "__version__", "unknown"),
        "python": platform.python_version(),
        "device": DEVICES[backend](import_module(backend)) if backend in DEVICES else "unknown",
        "processor": _processor(),
        "cores": usable_cores(),
    }


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
