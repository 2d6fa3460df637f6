"""How fast a task computes here, by itself and in each format of an export; which one to take."""

import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from playmask.cli.output import note, print_json, print_table
from playmask.errors import ConfigError
from playmask.onnx.check import Lengths, difference, drawn
from playmask.onnx.graph import MODEL
from playmask.onnx.signature import BATCH, LENGTH
from playmask.runtime.engine import Array, Arrays, Run
from playmask.runtime.graph_runs import graph_run
from playmask.runtime.network_engine import NetworkEngine
from playmask.tasks.exporting import export
from playmask.tasks.loading import load_task

OWN = "playmask itself"


class Format(NamedTuple):
    """What a task is exported as, and run by: options of the export, and the name of an engine."""

    name: str
    engine: str
    options: Mapping[str, Any] = {}


FORMATS = (
    Format("ONNX Runtime, float32", "onnxruntime"),
    Format("ONNX Runtime, int8", "onnxruntime", {"quantize": "int8"}),
    Format("OpenVINO, its own precision", "openvino"),
)
SHAPES = (1, 32), (8, 128)
"""Texts and their tokens: one at once, and many; texts are no longer than the task's."""
SECONDS, ROUNDS = 40.0, 3
"""The time that is measured in all, and how often each is timed at least."""
EXACT = 1e-4
"""The change of outputs below which no answer changes but by chance."""
WORTH, BAR = 1.1, 24
"""How many times as fast a format must be to be advised; characters of the longest bar."""


class Measured(NamedTuple):
    """A format's times, in seconds by shape, and the largest change of an output, relative."""

    name: str
    seconds: Mapping[str, float]
    change: float


def run(directory: Path, as_json: bool) -> None:
    """Measure a task's formats, and show them with what follows."""
    note(f"measuring {directory} for about a minute")
    measured, absent = measure(directory, SECONDS)
    advised = advice(measured)
    if as_json:
        formats = [each._asdict() for each in measured]
        print_json({"formats": formats, "absent": absent, "advice": advised})
        return
    print_table(f"{directory}: milliseconds", rows(measured), header=header(measured))
    for reason in absent.values():
        note(f"hint: {reason}")
    note(advised)


def header(measured: Sequence[Measured]) -> tuple[str, ...]:
    """The columns of the table, those of the shapes that were measured among them."""
    return ("format", *measured[0].seconds, "times as fast", "change", "texts a second")


def rows(measured: Sequence[Measured]) -> list[tuple[str, ...]]:
    """The table: times and their ratios, and a bar as long as many texts are quick."""
    speeds = [1 / _many(each) for each in measured]
    return [
        (
            each.name,
            *(f"{1000 * each.seconds[shape]:,.1f}" for shape in each.seconds),
            f"{speed / speeds[0]:.2f}",
            f"{each.change:.0e}" if each.change else "none",
            "█" * round(BAR * speed / max(speeds)) + f" {8 * speed:,.1f}",
        )
        for each, speed in zip(measured, speeds, strict=True)
    ]


def advice(measured: Sequence[Measured]) -> str:
    """Which format to take for many texts, and which where no answer may change."""
    own, *formats = measured
    quick = [each for each in formats if _many(own) / _many(each) >= WORTH]
    if not quick:
        return f"No format is {WORTH} times as fast as {OWN} here."
    best = min(quick, key=_many)
    sentence = f"Take the format {best.name}, {_gain(best, own)} times as fast as {OWN}."
    exact = [each for each in quick if each.change <= EXACT]
    if best.change <= EXACT:
        return sentence
    careful = min(exact, key=_many, default=own)
    other = f"{careful.name}, {_gain(careful, own)} times as fast" if exact else OWN
    return f"{sentence} Its outputs change; where no answer may, take {other}."


def _gain(each: Measured, own: Measured) -> str:
    return f"{_many(own) / _many(each):.1f}"


def _many(each: Measured) -> float:
    """Seconds of the shape with many texts, the last."""
    return [*each.seconds.values()][-1]


def measure(directory: Path, seconds: float) -> tuple[list[Measured], dict[str, str]]:
    """Time a task's network by itself, and in each format that is installed, in turns.

    Returns: what was measured, the task itself first; why formats are absent, by name
    Raises: ConfigError for a task that was exported already, or that writes token by token
    """
    task = load_task(directory)
    if not hasattr(task.network, "exported") or task.network.generates:
        raise ConfigError(
            f"{directory} holds a task that writes token by token, or that was exported already; "
            "take the folder of a saved task that labels, finds or compares."
        )
    absent: dict[str, str] = {}
    runs: dict[str, Run] = {OWN: NetworkEngine(task.network, task.network.exported)}
    with ExitStack() as stack:
        for each in FORMATS:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            graph = export(task, folder, **each.options).graphs[0]
            try:
                runs[each.name] = graph_run(folder / MODEL, each.engine)
            except ConfigError as error:
                absent[each.name] = str(error)
        lengths = Lengths(task.network.shortest, task.settings.row_length)
        random, batches = np.random.default_rng(0), dict[str, dict[str, Array]]()
        for batch, most in SHAPES:
            length = lengths.within(most)
            sizes = {BATCH: batch, LENGTH: length}
            batches[f"{batch} × {length}"] = drawn(graph.inputs, sizes, random)
        times = {
            shape: median_seconds(runs, batch, seconds / 2) for shape, batch in batches.items()
        }
        many = [*batches.values()][-1]
        expected, *others = (run(many) for run in runs.values())
    changes = [0.0, *(_change(expected, outputs) for outputs in others)]
    return [
        Measured(name, {shape: each[name] for shape, each in times.items()}, change)
        for name, change in zip(runs, changes, strict=True)
    ], absent


def median_seconds(
    runs: Mapping[str, Run], batch: dict[str, Array], seconds: float
) -> dict[str, float]:
    """The median time of a batch for each, in turns, as many as the seconds allow."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run(batch)  # what is compiled, is then
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, times.values())) < ROUNDS:
        for name, run in runs.items():
            start = time.perf_counter()
            run(batch)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def _change(expected: Arrays, outputs: Arrays) -> float:
    """The largest change of an output, in parts of its largest value."""
    return max(difference(value, outputs[name]) for name, value in expected.items())
