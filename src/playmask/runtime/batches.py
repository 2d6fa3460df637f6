"""Length-bucketed batches: few shapes to compile, little padding, each row once per epoch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from playmask.errors import InputError
from playmask.runtime.padding import Batch, Prepare, Row, bucket, buckets, pad
from playmask.runtime.planning import choose_lengths, fine_lengths
from playmask.runtime.sampling import balanced_rows, by_competence


class _BatchRows(NamedTuple):
    length: int
    rows: np.ndarray  # their indices; fewer than the batch size where copies fill it up


class EpochPlan(NamedTuple):
    """The batches of an epoch in their order, as arrays.

    Shapes: lengths, counts (how many rows each has): int32 (batches,); rows: their indices, those
            of all batches one after another: int32 (sum of counts,)
    """

    lengths: np.ndarray
    counts: np.ndarray
    rows: np.ndarray


class Batches(keras.utils.PyDataset):
    """Data set of batches of one size, each padded to the bucket of its longest row.

    Each row occurs once per epoch. Where the rows of a bucket do not fill its last batch, shorter
    ones move up, which leaves the least padding; the batch of the shortest is filled up with copies
    of weight 0 (so give `compile` `weighted_metrics`, not `metrics`). The number of batches and
    their lengths are the same in all epochs; the order depends on (seed, epoch) alone. Give `fit`
    the `callback()` and `shuffle=False` (Keras would shuffle the batches once more, unseeded): then
    a training that is resumed with `initial_epoch` goes on in the order it would have had.

    rows: dicts of integer sequences, such as tokens and segments, of equal length within a row
    targets: one per row, numbers or arrays of one shape
    weights: one number per row, default 1
    lengths: the buckets, default `buckets(longest row, rounded up to 16)`
    price: where lengths are chosen by the rows, what each costs, in tokens of padding that it saves
    padding: the pad value per key, default 0
    prepare: (batch, random generator) -> batch: the last change to a padded batch, such as dynamic
    masking; its draws depend on (seed, epoch, batch), and without shuffle not on the epoch
    classes: the class of each row, where an epoch is to hold as many rows of each: of rare classes
    it repeats some, of frequent ones it leaves others out
    curriculum: over how many epochs batches come from short to long rows (None: at random)
    numbered: the name of an input int32 (B,) that holds each row's number, None = none does
    Shapes:  item -> inputs {key: int32 (B, T), "valid": bool (B, T)}, targets (B, …),
             weights float32 (B)
    Raises:  InputError if a row is empty, ragged, or longer than the last bucket
    """

    numbered: str | None = None

    def __init__(
        self,
        rows: Sequence[Row],
        targets: Sequence[Any] | np.ndarray,
        weights: Sequence[float] | np.ndarray | None = None,
        *,
        batch_size: int = 32,
        lengths: Sequence[int] | None = None,
        price: float | None = None,
        padding: Mapping[str, int] | None = None,
        shuffle: bool = True,
        seed: int = 0,
        prepare: Prepare | None = None,
        classes: npt.NDArray[Any] | None = None,
        curriculum: float | None = None,
    ):
        super().__init__()
        sizes = _sizes(rows)
        self.lengths = tuple(sorted(lengths) if lengths else buckets(-(-max(sizes) // 16) * 16))
        longest = int(np.argmax(sizes))
        if sizes[longest] > self.lengths[-1]:
            limit = f"the longest bucket is {self.lengths[-1]}"
            raise InputError(f"Row {longest} has length {sizes[longest]}, but {limit}.")
        if price is not None:
            top = bucket(sizes[longest], fine_lengths(self.lengths[-1]))
            self.lengths = tuple(map(int, choose_lengths(sizes, (top,), price=price)))
        self.rows, self.targets = rows, np.asarray(targets)
        self.weights = np.asarray(np.ones(len(rows)) if weights is None else weights, np.float32)
        for name, values in (("targets", self.targets), ("weights", self.weights)):
            if len(values) != len(rows):
                raise InputError(f"There are {len(values)} {name} for {len(rows)} rows.")
        if batch_size < 1:
            raise InputError(f"The batch size is {batch_size}; it must be at least 1.")
        self.batch_size, self.padding = batch_size, dict(padding or {})
        self.shuffle, self.seed, self.prepare = shuffle, seed, prepare
        self.classes, self.curriculum = classes, curriculum
        self._sizes = np.asarray(sizes)
        self._groups = _groups(self._sizes, self.lengths, np.arange(len(rows)))
        self._plans: dict[int, list[_BatchRows]] = {}
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Order the batches as in this epoch, counted from 0."""
        self.epoch = epoch
        random = np.random.default_rng((self.seed, epoch))
        self._plan = self._plans.get(epoch) or self._make_plan(random)

    @property
    def plan(self) -> EpochPlan:
        """The batches of this epoch."""
        lengths = np.array([batch.length for batch in self._plan], "int32")
        counts = np.array([len(batch.rows) for batch in self._plan], "int32")
        rows = np.concatenate([batch.rows for batch in self._plan]).astype("int32")
        return EpochPlan(lengths, counts, rows)

    def use_plan(self, epoch: int, plan: EpochPlan) -> None:
        """Let an epoch have the batches of a plan, whatever its own options would make of it.

        Raises: InputError where the plan is of other rows
        """
        count = len(self.rows)
        whole = len(plan.lengths) == len(plan.counts) and plan.counts.sum() == len(plan.rows)
        sizes_fit = whole and {*plan.counts.tolist()} <= {*range(1, self.batch_size + 1)}
        if not sizes_fit or any(array.dtype.kind not in "iu" for array in plan):
            raise InputError(
                f"The plan's {len(plan.lengths)} lengths and {len(plan.counts)} counts are not "
                f"those of batches of at most {self.batch_size} of its {len(plan.rows)} rows."
            )
        if len(plan.rows) != count or plan.rows.min() < 0 or plan.rows.max() >= count:
            raise InputError(f"The plan is of {len(plan.rows)} rows, but there are {count}.")
        lengths = np.repeat(plan.lengths, plan.counts)
        longer = np.flatnonzero(self._sizes[plan.rows] > lengths)
        if len(longer):
            row, length = int(plan.rows[longer[0]]), int(lengths[longer[0]])
            raise InputError(
                f"Row {row} has length {self._sizes[row]}, but the plan pads it to {length}."
            )
        parts = np.split(plan.rows, np.cumsum(plan.counts)[:-1])
        batches = zip(plan.lengths.tolist(), parts, strict=True)
        self._plans[epoch] = [_BatchRows(*batch) for batch in batches]
        self.set_epoch(epoch)

    @property
    def used_lengths(self) -> tuple[int, ...]:
        """The lengths that batches have, the shortest first."""
        return tuple(sorted(length for length, _ in self._groups))

    def length_of(self, index: int) -> int:
        """The length of a batch of this epoch."""
        return self._plan[index].length

    def first_of_lengths(self, start: int = 0) -> list[int]:
        """The first batch of each length, from a batch on, then those of lengths only before it."""
        order = [*range(start, len(self)), *range(start)]
        first: dict[int, int] = {}
        for index in order:
            first.setdefault(self.length_of(index), index)
        return [*first.values()]

    def callback(self) -> keras.callbacks.Callback:
        """Make the callback that keeps the epoch equal to that of `fit`."""
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: self.set_epoch(epoch))

    def on_epoch_end(self) -> None:
        """Go on to the next order, where no callback does; `fit` also calls this at its start."""
        self.set_epoch(self.epoch + 1)

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, index: int) -> Batch:
        length, chosen = self._plan[index]
        filled = np.resize(chosen, self.batch_size)
        rows = [self.rows[i] for i in filled]
        inputs = {
            key: pad([row[key] for row in rows], length, self.padding.get(key, 0))
            for key in rows[0]
        }
        sizes = np.array([len(next(iter(row.values()))) for row in rows])
        inputs["valid"] = np.arange(length) < sizes[:, None]
        weights = self.weights[filled]
        weights[len(chosen) :] = 0
        batch: Batch = inputs, self.targets[filled], weights
        if self.prepare is not None:
            epoch = self.epoch if self.shuffle else 0
            batch = self.prepare(batch, np.random.default_rng((self.seed, epoch, index)))
        if self.numbered is not None:
            batch[0][self.numbered] = filled.astype("int32")
        return batch

    def _make_plan(self, random: np.random.Generator) -> list[_BatchRows]:
        arrange = random.permutation if self.shuffle else np.asarray
        plan: list[_BatchRows] = []
        groups = self._groups
        if self.classes is not None:
            groups = _groups(self._sizes, self.lengths, balanced_rows(self.classes, random))
        for length, rows in reversed(groups):
            rows = arrange(rows)
            if plan:  # shorter rows take the places that are left
                longer, chosen = plan[-1]
                room = self.batch_size - len(chosen)
                plan[-1] = _BatchRows(longer, np.concatenate([chosen, rows[:room]]))
                rows = rows[room:]
            parts = np.split(rows, range(self.batch_size, len(rows), self.batch_size))
            plan += [_BatchRows(length, part) for part in parts if len(part)]
        plan = [plan[i] for i in arrange(np.arange(len(plan)))]
        if self.curriculum is not None:
            lengths = [self._sizes[batch.rows].mean() for batch in plan]
            plan = [plan[i] for i in by_competence(lengths, self.epoch, self.curriculum, random)]
        # Keras on TensorFlow takes for dynamic what differs between the first two batches.
        other = next((i for i, batch in enumerate(plan) if batch.length != plan[0].length), 0)
        plan.insert(1, plan.pop(other))
        return plan


def _sizes(rows: Sequence[Row]) -> list[int]:
    if not rows:
        raise InputError("There are no rows to make batches of.")
    sizes: list[int] = []
    for i, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            raise InputError(f"Row {i} has the keys {[*row]}, but row 0 has {[*rows[0]]}.")
        lengths = {key: len(values) for key, values in row.items()}
        if len({*lengths.values()}) != 1 or 0 in lengths.values():
            raise InputError(f"Row {i} has the lengths {lengths}; one positive length is needed.")
        sizes += {*lengths.values()}
    return sizes


def _groups(
    sizes: np.ndarray, lengths: Iterable[int], rows: np.ndarray
) -> list[tuple[int, np.ndarray]]:
    """Sort some rows into the buckets: (length, indices) of those that are used."""
    limits = np.asarray([*lengths])
    places = np.searchsorted(limits, sizes[rows])
    return [(int(limits[p]), rows[places == p]) for p in np.unique(places)]
