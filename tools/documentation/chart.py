"""The chart of docs/performance.md: backends and formats of a task, of benchmarks/formats.json."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from documentation.svg import WIDE, box, picture, text

DATA = Path(__file__).parents[2] / "docs" / "benchmarks" / "formats.json"
OWN, COMMON = "playmask itself", "ONNX Runtime, float32"
NAMES = {"jax": "JAX", "torch": "PyTorch", "tensorflow": "TensorFlow"}
"""The backends; the first is what the others are compared with."""


def speeds(found: dict[str, Any], shape: str) -> dict[str, float]:
    """How many times as fast as on JAX each backend and format is.

    A process per backend timed the task and ONNX Runtime in turns, which joins the processes.
    """
    times = {backend: by_shape[shape] for backend, by_shape in found["seconds"].items()}
    first = next(iter(NAMES))
    joined = {backend: each[COMMON] / each[OWN] for backend, each in times.items()}
    exported = {
        name: times[first][OWN] / seconds for name, seconds in times[first].items() if name != OWN
    }
    return {NAMES[name]: value / joined[first] for name, value in joined.items()} | exported


def formats() -> str:
    """Bars of all, for one text and for many."""
    found = json.loads(DATA.read_text("utf-8"))
    marks = [text(14, 24, found["task"], "ink"), text(14, 42, _machine(found), "quiet", size=11)]
    y = 68.0
    for shape in found["seconds"]["jax"]:
        marks.append(text(14, y, f"{shape} · JAX = 1", "ink mono"))
        by_name = speeds(found, shape)
        for number, (name, value) in enumerate(by_name.items()):
            marks += _bar(y + 10 + 26 * number, name, value, max(by_name.values()))
        y += 26 * len(by_name) + 44
    return picture("formats", y - 22, marks)


def _machine(found: dict[str, Any]) -> str:
    machine = found["machine"]
    return f"{machine['processor']}, one core, {found['date']}"


def _bar(y: float, name: str, value: float, most: float) -> Iterator[str]:
    """A bar with its name at the left and its number behind it."""
    left, room = 172.0, WIDE - 172 - 54
    yield text(14, y + 14, name, "ink", size=12)
    yield box(left, y + 2, max(room * value / most, 2), 17, "yes")
    yield text(left + room * value / most + 6, y + 15, f"{value:.2f}", "ink mono")


PICTURES: dict[str, Callable[[], str]] = {"formats": formats}
"""The charts by the names of their files."""
