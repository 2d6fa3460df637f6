"""Batched inference: inputs checked first, lengths bucketed, compiled, thread-safe."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from playmask.errors import NotFiniteError
from playmask.runtime.access import reading
from playmask.runtime.batch_progress import CallProgress
from playmask.runtime.engine import Engine
from playmask.runtime.padding import buckets
from playmask.runtime.planning import PlannedBatch, plan_batches, row_sizes
from playmask.runtime.row_inputs import (
    CONTEXT,
    MEMORY,
    READ,
    TARGET,
    CheckedRow,
    InputRow,
    check_row,
    stacked,
)
from playmask.runtime.threads import FifoSemaphore, ordered_map

if TYPE_CHECKING:
    import keras

Output = dict[str, np.ndarray]


class Predictor:
    """Batched inference over rows of any length; returns one output per row, in their order.

    model: a model of Keras', or an `Engine` that runs anything else; function: of such a model,
    (inputs: dict of (B, …)) -> dict of (B, …) (default: the model itself); limits: for each input
    the number its integers must stay below, such as {"tokens": vocabulary}, where it is not that of
    the architecture; maximum: the longest row; tokens: about how many a batch has, padding
    included; None: as many as its engine runs best; per_token: the outputs that have one value for
    each token, whose padding is cut off. A row has any of the model's INPUTS but the cache, as one
    row of a batch. All is padded with 0; "valid" and its like tell the model what is padding.
    Shapes: row {name: (T), (T, …), (C) …} -> {name: (…), or (T, …) where per_token}
    Raises: InputError naming the row, before anything runs; NotFiniteError for outputs that are no
            numbers; BusyError where another thread trains the model

    Example:
        >>> limits = {"tokens": model.architecture.vocabulary}
        >>> predictor = playmask.Predictor(model, limits=limits, per_token=["hidden"])
        >>> outputs = predictor([{"tokens": [2, 4, 3]}, {"tokens": [2, 3]}])
        >>> [len(output["hidden"]) for output in outputs]
        [3, 2]

    """

    def __init__(
        self,
        model: "keras.Model | Engine",
        *,
        limits: Mapping[str, int] | None = None,
        maximum: int = 512,
        tokens: int | None = None,
        per_token: Collection[str] = (),
        function: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self.engine = engine = _engine_of(model, function, limits)
        self.limits = engine.bounds.limits
        self.per_token = frozenset(per_token)
        self.lengths = buckets(maximum)
        self.tokens = tokens or engine.tokens
        self._lengths = _other_lengths(self.limits) if engine.price else {}
        self._known: set[int] = set()  # lengths that were used before
        self._slots = FifoSemaphore(engine.at_once)

    @property
    def traces(self) -> int:
        """How many shapes were compiled so far."""
        return self.engine.traces

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Rows and tokens that batches are padded to; the extremes where shapes cost nothing."""
        sizes = {length: row_sizes(max(1, self.tokens // length)) for length in self.lengths}
        shapes = [(size, length) for length in self.lengths for size in sizes[length]]
        return shapes if self.engine.price else [shapes[0], shapes[-1]]

    def keep_shapes(self) -> None:
        """Plan no shapes but these from now on, so that none is compiled while somebody waits."""
        if self.engine.price:
            self.engine.price = math.inf

    def __call__(self, rows: Sequence[InputRow]) -> list[Output]:
        """Run all rows, those of about one length together."""
        checked = self._check(rows)
        results: list[Output] = [{} for _ in rows]
        batches = plan_batches(
            [row.length for row in checked],
            self.lengths,
            known=self._known,
            tokens=self.tokens,
            price=self.engine.price,
        )

        progress = CallProgress(batches, self._known)

        def run(batch: PlannedBatch) -> Output:
            progress.begin(batch)
            return self._batch([checked[i] for i in batch.rows], batch)

        with reading(self.engine.weights):
            both = zip(batches, ordered_map(run, batches, self.engine.at_once), strict=True)
            for batch, outputs in both:
                self._known.add(batch.length)
                progress.end(batch)
                finite = all(map(_finite, outputs.values()))
                for place, index in enumerate(batch.rows):
                    results[index] = self._row(outputs, place, checked[index])
                    if not finite:
                        _check_finite(index, results[index])
        return results

    def _check(self, rows: Sequence[InputRow]) -> list[CheckedRow]:
        """Refuse what the model cannot take."""
        checked: list[CheckedRow] = []
        for i, row in enumerate(rows):
            first = checked[0] if checked else None
            checked.append(check_row(i, row, first, self.engine.bounds, self.lengths[-1]))
        if checked:
            self.engine.check({name: array[None] for name, array in checked[0].arrays.items()})
        return checked

    def _batch(self, rows: list[CheckedRow], batch: PlannedBatch) -> Output:
        """Pad rows to the shape of their batch, and run them."""
        padded = [*rows, *[rows[0]] * (batch.size - len(rows))]
        inputs = stacked(padded, batch.length, self._lengths)
        with self._slots.slot():
            return self.engine(inputs)

    def _row(self, outputs: Output, place: int, row: CheckedRow) -> Output:
        """One row's outputs, without the padding of its batch."""
        return {
            name: value[place, : row.count(name)] if name in self.per_token else value[place]
            for name, value in outputs.items()
        }


def _engine_of(
    model: "keras.Model | Engine",
    function: Callable[[dict[str, Any]], dict[str, Any]] | None,
    limits: Mapping[str, int] | None,
) -> Engine:
    """What runs a model; an engine is one already."""
    if isinstance(model, Engine):
        return model
    from playmask.runtime.network_engine import NetworkEngine

    return NetworkEngine(model, function, limits)


def _other_lengths(limits: Mapping[str, int]) -> dict[str, Sequence[int]]:
    """The buckets of all axes but the text's."""
    others = buckets(1 << 20, smallest=4)
    targets = buckets(limits.get("target_positions", 1 << 20))
    return {TARGET: targets, CONTEXT: others, MEMORY: others, READ: others}


def _finite(value: Any) -> bool:
    """Whether no number is NaN or +inf; -inf may be the logarithm of no chance."""
    inexact = value.dtype.kind in "fV"  # bfloat16 is a V
    return not (inexact and value.size) or bool(value.max() < np.inf)


def _check_finite(i: int, outputs: Output) -> None:
    for name, value in outputs.items():
        if not _finite(value):
            raise NotFiniteError(
                f"Row {i}: the model's output {name!r} holds NaN or inf. Its weights are damaged, "
                "as after a training that diverged, or numbers leave the range of its dtype; "
                "float32 has the largest."
            )
