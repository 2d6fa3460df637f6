"""Batched inference: inputs checked first, lengths bucketed, compiled, thread-safe."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from playmask.errors import InputError, nearest
from playmask.runtime.batches import Row, buckets, pad
from playmask.runtime.compiled import Compiled
from playmask.runtime.planning import BATCH_TOKENS, PlannedBatch, plan_batches, price_of
from playmask.runtime.threads import FifoSemaphore, ordered_map

Output = dict[str, np.ndarray]

AT_ONCE = {"jax": 2}.get(keras.backend.backend(), 1)
"""How many batches run at once. Each uses all cores for large products and one for much else, so
that two fill each other's gaps; PyTorch gives each thread as many more as there are cores."""


class Predictor:
    """Batched inference over rows of any length; returns one output per row, in their order.

    function: (inputs: dict of (B, T)) -> dict of (B, …) (default: the model itself); limits: for
    each input the number its integers must stay below, such as {"tokens": vocabulary};
    maximum: the longest row; tokens: about how many a batch has, padding included; per_token: the
    outputs that have one value for each token, whose padding is cut off. Rows are padded with 0;
    "valid" tells the model what is padding.
    Shapes: row {name: T integers} -> {name: (…), or (T, …) where per_token}
    Raises: InputError naming the row, before anything runs

    Example:
        >>> limits = {"tokens": model.architecture.vocabulary}
        >>> predictor = playmask.Predictor(model, limits=limits, per_token=["hidden"])
        >>> outputs = predictor([{"tokens": [2, 4, 3]}, {"tokens": [2, 3]}])
        >>> [len(output["hidden"]) for output in outputs]
        [3, 2]

    """

    def __init__(
        self,
        model: keras.Model,
        *,
        limits: Mapping[str, int],
        maximum: int = 512,
        tokens: int = BATCH_TOKENS,
        per_token: Collection[str] = (),
        function: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self.limits = dict(limits)
        self.per_token = frozenset(per_token)
        self.lengths = buckets(maximum)
        self.tokens = tokens
        self._known: set[int] = set()  # lengths that were used before
        self._slots = FifoSemaphore(AT_ONCE)
        self._price = price_of(model.count_params())
        self._run = Compiled(model, function or (lambda inputs: model(inputs, training=False)))

    @property
    def traces(self) -> int:
        """How many shapes were compiled so far."""
        return self._run.traces

    def __call__(self, rows: Sequence[Row]) -> list[Output]:
        """Run all rows, those of about one length together."""
        lengths = self._check(rows)
        results: list[Output] = [{} for _ in rows]
        batches = plan_batches(
            lengths, self.lengths, known=self._known, tokens=self.tokens, price=self._price
        )

        def run(batch: PlannedBatch) -> Output:
            return self._batch([rows[i] for i in batch.rows], batch)

        for batch, outputs in zip(batches, ordered_map(run, batches, AT_ONCE), strict=True):
            self._known.add(batch.length)
            for place, index in enumerate(batch.rows):
                results[index] = self._row(outputs, place, lengths[index])
        return results

    def _batch(self, rows: list[Row], batch: PlannedBatch) -> Output:
        """Pad rows to the shape of their batch, and run them."""
        padded = [*rows, *[rows[0]] * (batch.size - len(rows))]
        inputs = {name: pad([row[name] for row in padded], batch.length) for name in rows[0]}
        sizes = np.array([len(row["tokens"]) for row in padded])
        inputs["valid"] = np.arange(batch.length) < sizes[:, None]
        with self._slots.slot():
            outputs = self._run(inputs)
            return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}

    def _row(self, outputs: Output, place: int, length: int) -> Output:
        """One row's outputs, without the padding of its batch."""
        return {
            name: value[place, :length] if name in self.per_token else value[place]
            for name, value in outputs.items()
        }

    def _check(self, rows: Sequence[Row]) -> list[int]:
        """Refuse what the model cannot take; return the rows' lengths."""
        return [self._check_row(i, row, rows[0]) for i, row in enumerate(rows)]

    def _check_row(self, i: int, row: Row, first: Row) -> int:
        if not isinstance(row, Mapping) or "tokens" not in row:
            raise InputError(f"Row {i} is no dict with 'tokens' but {row!r:.80}.")
        if set(row) != set(first):
            raise InputError(f"Row {i} has the inputs {sorted(row)}, row 0 {sorted(first)}.")
        length = len(row["tokens"])
        if not 0 < length <= self.lengths[-1]:
            raise InputError(
                f"Row {i} has {length} tokens; a row has 1 to {self.lengths[-1]}."
                + (" Cut it (max_length), or use windows (stride)." if length else "")
            )
        for name, values in row.items():
            self._check_values(i, name, values, length)
        return length

    def _check_values(self, i: int, name: str, values: Sequence[int], length: int) -> None:
        if name not in self.limits:
            raise InputError(f"Row {i} has an input {name!r}.{nearest(name, self.limits)}")
        if len(values) != length:
            raise InputError(f"Row {i} has {length} tokens but {len(values)} {name}.")
        array = np.asarray(values)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise InputError(f"Row {i}: {name} must be whole numbers, not {values!r:.80}.")
        if array.min() < 0 or array.max() >= self.limits[name]:
            wrong = array.min() if array.min() < 0 else array.max()
            raise InputError(
                f"Row {i}: {name} holds {wrong}; the model takes 0 to {self.limits[name] - 1}."
            )
