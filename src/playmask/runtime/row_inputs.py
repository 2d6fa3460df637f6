"""What a row may have for each input of a model, and how rows become a padded batch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.errors import InputError, nearest
from playmask.runtime.padding import bucket

if TYPE_CHECKING:
    from playmask.model.architecture import Architecture

Array = npt.NDArray[Any]
InputRow = Mapping[str, Any]
Axes = tuple[str, ...]

TEXT, TARGET, CONTEXT, MEMORY, READ, WIDTH = "text", "target", "context", "memory", "read", "width"
"""The axes of a row's inputs. WIDTH is the same in all rows; the others are padded."""
INTEGERS, TRUTHS, NUMBERS = "iu", "biu", "fiu"  # kinds of NumPy's
WORDS = {INTEGERS: "whole numbers", TRUTHS: "true or false", NUMBERS: "numbers"}
DTYPES = {INTEGERS: "int32", TRUTHS: "bool", NUMBERS: "float32"}


class RowInput(NamedTuple):
    """An input of one row: the kind of its numbers, and the axes that it may have."""

    kind: str
    axes: tuple[Axes, ...]

    def axes_of(self, array: Array, *, targets: bool) -> Axes | None:
        """The axes of a value, by how many it has; targets: whether the row has any."""
        if len(self.axes) == 1:
            return self.axes[0] if len(self.axes[0]) == array.ndim else None
        fitting = [axes for axes in self.axes if len(axes) == array.ndim]
        return fitting[-1 if targets else 0] if fitting else None


TOKENWISE, TARGETWISE = (RowInput(INTEGERS, ((axis,),)) for axis in (TEXT, TARGET))

ROW_INPUTS: Mapping[str, RowInput] = {
    **dict.fromkeys(("tokens", "segments", "tasks", "positions", "order", "texts"), TOKENWISE),
    **dict.fromkeys(("vectors", "extra"), RowInput(NUMBERS, ((TEXT, WIDTH),))),
    "condition": RowInput(NUMBERS, ((WIDTH,), (TEXT, WIDTH))),
    "context": RowInput(NUMBERS, ((WIDTH,), (CONTEXT, WIDTH))),
    "context_valid": RowInput(TRUTHS, ((CONTEXT,),)),
    "valid": RowInput(TRUTHS, ((TEXT,),)),
    "allowed": RowInput(TRUTHS, ((TEXT, TEXT), (TARGET, TARGET))),
    **{f"target_{name}": TARGETWISE for name in ("tokens", "positions", "order", "texts")},
    "target_valid": RowInput(TRUTHS, ((TARGET,),)),
    "memory": RowInput(NUMBERS, ((MEMORY, WIDTH),)),
    "memory_valid": RowInput(TRUTHS, ((MEMORY,),)),
    "read": RowInput(INTEGERS, ((READ,),)),
}
"""All of INPUTS but the cache, which goes from step to step of a batch."""

LONGEST = ("tokens", "vectors", "target_tokens")
"""The first of these that a row has says how long it is."""
VALID = {TEXT: "valid", TARGET: "target_valid", CONTEXT: "context_valid", MEMORY: "memory_valid"}
"""What says of the places of an axis which are no padding."""
RANKS = ("order", "target_order")  # may be below 0


class Bounds(NamedTuple):
    """What a model takes at most: limits, that integers stay below; widths, that vectors have."""

    limits: dict[str, int]
    widths: Mapping[str, int]

    @classmethod
    def of(cls, architecture: "Architecture | None", limits: Mapping[str, int]) -> "Bounds":
        """Those of an architecture, where there is one, and further limits, which go first."""
        if architecture is None:
            return cls(dict(limits), {})
        a = architecture
        own = {
            "tokens": a.vocabulary,
            "segments": a.segment_ids,
            "tasks": max(a.tasks, 1),
            "positions": a.limit,
            "target_tokens": a.vocabulary,
            "target_positions": a.decoding.limit if a.decoder is not None else None,
        }
        widths = {
            "vectors": a.embedding_size_,
            "extra": a.embedding_size_,
            "condition": a.condition.size if a.condition is not None else None,
            "context": a.context.size if a.context is not None else None,
            "memory": a.width,
        }
        return cls(
            {name: limit for name, limit in (own | dict(limits)).items() if limit is not None},
            {name: width for name, width in widths.items() if width is not None},
        )


class CheckedRow(NamedTuple):
    """One row's inputs as arrays, and how long each of its axes is."""

    arrays: dict[str, Array]
    sizes: dict[str, int]

    @property
    def length(self) -> int:
        """How long the row is."""
        return self.sizes[TEXT if TEXT in self.sizes else TARGET]

    def count(self, output: str) -> int:
        """Of an output with one value for each token, how many it has for this row."""
        axes = {"logits": (READ, TARGET), "memory": (MEMORY,)}.get(output, (TARGET,))
        return next((self.sizes[axis] for axis in axes if axis in self.sizes), self.length)


def check_row(
    i: int, row: Any, first: CheckedRow | None, bounds: Bounds, longest: int
) -> CheckedRow:
    """Refuse what a model cannot take; first: what row 0 is, which all others are like."""
    main = None
    if isinstance(row, Mapping):
        main = next((name for name in LONGEST if name in row), None)
    if main is None:
        raise InputError(f"Row {i} is no dict with 'tokens' but {row!r:.80}.")
    if first is not None and row.keys() != first.arrays.keys():
        raise InputError(f"Row {i} has the inputs {sorted(row)}, row 0 {sorted(first.arrays)}.")
    arrays = {main: _array(i, main, row[main])}
    arrays |= {name: _array(i, name, row[name]) for name in row if name != main}
    length = arrays[main].shape[0] if arrays[main].ndim else 1
    if not 0 < length <= longest:
        hint = " Cut it (max_length), or use windows (stride)." if length else ""
        raise InputError(f"Row {i} has {length} tokens; a row has 1 to {longest}.{hint}")
    sizes: dict[str, int] = {}
    names: dict[str, str] = {}  # of the inputs that the sizes are of
    targets = "target_tokens" in row
    for name, array in arrays.items():
        axes = _axes(i, name, array, bounds, targets=targets)
        for axis, size in zip(axes, array.shape, strict=True):
            if axis == WIDTH:
                _check_width(i, name, array, first, bounds)
            elif sizes.setdefault(axis, size) != size:
                raise InputError(f"Row {i} has {sizes[axis]} {names[axis]} but {size} {name}.")
            names.setdefault(axis, name)
    checked = CheckedRow(arrays, sizes)
    for name, array in arrays.items():
        _check_values(i, name, array, checked, bounds)
    return checked


def _array(i: int, name: str, values: Any) -> Array:
    try:
        return np.asarray(values)
    except (TypeError, ValueError):  # lists of unlike lengths
        raise InputError(f"Row {i}: {name} is no array but {values!r:.80}.") from None


def _axes(i: int, name: str, array: Array, bounds: Bounds, *, targets: bool) -> Axes:
    """The axes of an input, which is of its kind."""
    known = ROW_INPUTS.get(name) or (TOKENWISE if name in bounds.limits else None)
    if known is None:
        names = {*ROW_INPUTS, *bounds.limits}
        raise InputError(f"Row {i} has an input {name!r}.{nearest(name, names)}")
    axes = known.axes_of(array, targets=targets)
    if axes is None or array.dtype.kind not in known.kind:
        shapes = " or ".join(f"({', '.join(axes)})" for axes in known.axes)
        raise InputError(
            f"Row {i}: {name} must be {WORDS[known.kind]}, {shapes}, not {array.tolist()!r:.80}."
        )
    return axes


def _check_width(i: int, name: str, array: Array, first: CheckedRow | None, bounds: Bounds) -> None:
    width = bounds.widths.get(name)
    if width is not None and array.shape[-1] != width:
        raise InputError(
            f"Row {i}: {name} is {array.shape[-1]} numbers wide; the model takes {width}."
        )
    like = array if first is None else first.arrays[name]
    if (array.ndim, array.shape[-1]) != (like.ndim, like.shape[-1]):
        raise InputError(
            f"Row {i}: {name} has the shape {array.shape}, that of row 0 {like.shape}."
        )


def _check_values(i: int, name: str, array: Array, row: CheckedRow, bounds: Bounds) -> None:
    """Refuse numbers beyond what an input may hold."""
    if not array.size:
        raise InputError(f"Row {i}: {name} is empty.")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise InputError(f"Row {i}: {name} holds {array[~np.isfinite(array)][0]}, no number.")
        return
    limit = bounds.limits.get(name)
    if limit is None:
        limit = 2 if ROW_INPUTS[name].kind == TRUTHS else 1 << 31
        limit = row.sizes.get(TARGET, row.length) if name == "read" else limit
    low, high = array.min(), array.max()
    if high >= limit or (low < 0 and name not in RANKS):
        wrong = high if high >= limit else low
        raise InputError(f"Row {i}: {name} holds {wrong}; the model takes 0 to {limit - 1}.")


def stacked(
    rows: Sequence[CheckedRow], length: int, lengths: Mapping[str, Sequence[int]]
) -> dict[str, Array]:
    """Pad rows to one batch; length: that of all rows; lengths: the buckets of other axes.

    An axis without buckets is as long as in the longest row.

    Shapes: {name: (…)} each -> {name: (B, …)}, and of each padded axis what is no padding
    """
    sizes = {axis: np.array([row.sizes[axis] for row in rows]) for axis in rows[0].sizes}
    own = TEXT if TEXT in sizes else TARGET
    room = {
        axis: length if axis == own else _room(int(each.max()), lengths.get(axis))
        for axis, each in sizes.items()
    }
    inputs = {
        name: _padded([row.arrays[name] for row in rows], ROW_INPUTS.get(name, TOKENWISE), room)
        for name in rows[0].arrays
    }
    for axis, name in VALID.items():
        if axis in sizes:
            there = np.arange(room[axis]) < sizes[axis][:, None]
            inputs[name] = there & inputs[name] if name in inputs else there
    return inputs


def _room(size: int, lengths: Sequence[int] | None) -> int:
    return size if lengths is None else bucket(size, lengths)


def _padded(arrays: Sequence[Array], known: RowInput, room: Mapping[str, int]) -> Array:
    """Arrays of one input as one, zeros behind what is shorter."""
    axes = known.axes_of(arrays[0], targets=TARGET in room) or ()
    sizes = zip(axes, arrays[0].shape, strict=True)
    shape = [size if axis == WIDTH else room[axis] for axis, size in sizes]
    padded = np.zeros((len(arrays), *shape), DTYPES[known.kind])
    for row, array in zip(padded, arrays, strict=True):
        row[tuple(map(slice, array.shape))] = array
    return padded
