"""Exports in 8 bits, beside float32; weights stay in float32 where a task would lose too much."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playmask.errors import ConfigError, nearest
from playmask.onnx.export import Entry, Programs
from playmask.onnx.exported import Comparison, Quantization
from playmask.onnx.graph import MODEL
from playmask.onnx.int8 import Ranges, in_int8
from playmask.onnx.observed import Observed, Probe, with_noise, with_ranges
from playmask.onnx.speed import Clock
from playmask.onnx.tracing import Program
from playmask.onnx.writing import LARGEST, write_program
from playmask.runtime.graph_runs import graph_run
from playmask.tasks.exported import load_exported
from playmask.tasks.reference import Reference
from playmask.tasks.unlabelled import unlabelled_texts

AGREEING = 0.98
"""The least share of answers that are to stay the same where a loss is bounded."""

OBSERVED = 64
"""Examples by which the noise of weights is measured."""


@dataclass(frozen=True)
class Int8:
    """Weights in 8 bits, with a scale for each channel, and what they may cost.

    calibrate: texts, a file or a list, by which the ranges of activations are measured once; None:
    each batch has its own;
    evaluate: examples, a file or a list, on which the task is measured in float32 and in 8 bits;
    max_loss: what it may lose of its main measure there, in points (hundredths); then 98 % of the
    answers have to stay the same, too, and the weights that 8 bits harm most stay in float32 until
    both hold
    Raises: ConfigError for a bound without examples, or below 0

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> examples = [("味道不错", "good"), ("三天就坏了", "bad")]
        >>> written = task.export("exported", quantize=Int8(evaluate=examples))
        >>> written.quantization.comparison.measure, written.quantization.bytes_before > 0
        ('accuracy', True)

    """

    calibrate: Any = None
    evaluate: Any = None
    max_loss: float | None = None

    def __post_init__(self) -> None:
        if self.max_loss is not None and self.evaluate is None:
            raise ConfigError(
                f"max_loss is {self.max_loss}, but there are no examples to measure on; give "
                "evaluate= (--evaluate FILE)."
            )
        number = isinstance(self.max_loss, int | float)
        if self.max_loss is not None and not (number and 0 <= self.max_loss < inf):
            raise ConfigError(f"max_loss is {self.max_loss!r}; it is a number of points, from 0.")

    def allows(self, comparison: Comparison) -> bool:
        """Whether the bound holds; without one, everything is allowed."""
        if self.max_loss is None:
            return True
        return comparison.loss <= self.max_loss and comparison.agreement >= AGREEING


QUANTIZATIONS: Mapping[str, Callable[..., Int8]] = {"int8": Int8}
"""What an export's weights can be in, by name."""


def kind_of(name: str) -> Callable[..., Int8]:
    """What makes the options of what weights can be in, by its name.

    Raises: ConfigError for an unknown name
    """
    if name not in QUANTIZATIONS:
        raise ConfigError(
            f"quantize is {name!r}; leave it out for weights in float32."
            f"{nearest(str(name), QUANTIZATIONS)}"
        )
    return QUANTIZATIONS[name]


class Quantizer:
    """Writes programs in 8 bits into the folder that holds them in float32, and measures both.

    answers: whether the folder holds a task that answers by its one graph; largest: bytes of
    weights that a graph's own file holds

    Raises: ConfigError where texts or examples are there, and nothing that answers
    """

    def __init__(
        self,
        folder: Path,
        entries: Sequence[Entry],
        options: Int8,
        *,
        answers: bool,
        largest: int = LARGEST,
    ) -> None:
        self.folder, self.options, self.largest = folder, options, largest
        self.lengths = {entry.file: entry.lengths for entry in entries}
        data = {"evaluate": options.evaluate, "calibrate": options.calibrate}
        needless = next((name for name, value in data.items() if value is not None), None)
        if needless and not answers:
            raise ConfigError(
                f"{needless}= needs a task that answers by its graph alone, which neither a model "
                f"nor a task that writes token by token does; leave it out (--{needless})."
            )

    def __call__(self, programs: Programs) -> tuple[Programs, Quantization]:
        """Write them, and say what 8 bits are worth and cost."""
        before, clock = self._bytes(programs), Clock(self.folder, programs, self.lengths)
        ranges = self._ranges(programs)
        write = partial(self._write, programs, ranges)
        float32, comparison = self._bounded(programs, write)
        smaller = write(float32)
        return smaller, Quantization(
            activations="dynamic" if ranges is None else "static",
            float32=float32,
            bytes=self._bytes(programs),
            bytes_before=before,
            speed=clock.speed(),
            sizes=clock.sizes,
            comparison=comparison,
        )

    def _write(
        self, programs: Programs, ranges: Ranges | None, float32: Collection[str]
    ) -> Programs:
        smaller = {file: in_int8(each, float32, ranges) for file, each in programs.items()}
        for file, program in smaller.items():
            for old in self._files(file):
                old.unlink()  # not overwritten: a session may have it mapped
            write_program(program, self.folder / file, largest=self.largest)
        return smaller

    def _bounded(
        self, programs: Programs, write: Callable[[Collection[str]], Programs]
    ) -> tuple[tuple[str, ...], Comparison | None]:
        """As few weights in float32 as the bound allows, those of most noise first; and the cost.

        Twice as many are tried each time, then fewer by halves; with all, it is the float32 graph.
        """
        if self.options.evaluate is None:
            return (), None
        reference = Reference(load_exported(self.folder), self.options.evaluate)
        comparisons: dict[int, Comparison] = {}
        order: list[str] = []

        def holds(count: int) -> bool:
            write(order[:count])
            comparisons[count] = reference.beside(load_exported(self.folder))
            return self.options.allows(comparisons[count])

        if holds(0):
            return (), comparisons[0]
        order += self._by_noise(programs[MODEL], reference)
        short, count = 0, 1
        while not holds(count) and count < len(order):
            short, count = count, min(2 * count, len(order))
        count = bisect_left(range(count), True, lo=short + 1, key=holds)
        return tuple(order[:count]), comparisons[count]

    def _by_noise(self, program: Program, reference: "Reference") -> list[str]:
        """The weights, by the noise that 8 bits make on some of the examples."""
        with self._observing(*with_noise(program)) as (task, observed):
            task.answer(reference.examples.chosen(range(min(OBSERVED, len(reference.examples)))))
        return observed.by_noise()

    def _ranges(self, programs: Programs) -> Ranges | None:
        """What goes into the products of calibration texts; None without texts."""
        if self.options.calibrate is None:
            return None
        with self._observing(*with_ranges(programs[MODEL])) as (task, observed):
            task.predict(unlabelled_texts(task, self.options.calibrate, skip_bad=False))
        return observed.ranges()

    @contextmanager
    def _observing(
        self, program: Program, probes: Sequence[Probe]
    ) -> Iterator[tuple[Any, Observed]]:
        """The task, answering by a program with probes, and what these say."""
        with TemporaryDirectory() as folder:
            write_program(program, Path(folder) / MODEL)
            observed = Observed(graph_run(Path(folder) / MODEL, "onnxruntime"), probes)
            yield load_exported(self.folder, run=observed), observed

    def _files(self, file: str) -> list[Path]:
        names = (self.folder / file, self.folder / f"{file}.data")
        return [name for name in names if name.exists()]

    def _bytes(self, programs: Programs) -> int:
        return sum(each.stat().st_size for file in programs for each in self._files(file))
