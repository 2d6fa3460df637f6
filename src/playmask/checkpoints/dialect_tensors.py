"""The weights of a model as a dialect names, lays out and stores them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import ml_dtypes
import numpy as np

from playmask.checkpoints.containers import Spec, Tensors
from playmask.checkpoints.load_plan import readings_of
from playmask.errors import CheckpointError
from playmask.families.names import Dialect, Rule
from playmask.model.transformer import Transformer, weights_by_name


class TensorPiece(NamedTuple):
    """A weight, the rule that names it, and the dtype it was loaded from, if it was."""

    rule: Rule
    variable: Any
    stored: np.dtype | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The weight's shape in our layout."""
        return tuple(self.variable.shape)

    @property
    def value(self) -> np.ndarray:
        """The weight as an array."""
        return np.asarray(keras.ops.convert_to_numpy(self.variable.value))


class DialectTensors(Tensors):
    """All weights of a model as a dialect's tensors, each made when it is asked for.

    In the dialect a model was loaded from, a tensor has the name and the dtype it had there.
    weights: those of a task, by name, in place of the model's alone

    Raises: CheckpointError for a weight that the dialect has no name for, or a tensor whose
            pieces are not equally large
    """

    def __init__(
        self,
        path: Path,
        model: Transformer,
        dialect: Dialect,
        weights: Mapping[str, Any] | None = None,
    ):
        origin = _origin(model, dialect)
        self._pieces: dict[str, list[TensorPiece]] = {}
        for ours, variable in (weights or weights_by_name(model)).items():
            readings = _readings(ours, model, dialect)
            theirs, stored = origin.get(ours, ("", None))
            rule, name = next((r for r in readings if r[1] == theirs), readings[0])
            self._pieces.setdefault(name, []).append(TensorPiece(rule, variable, stored))
        for name, pieces in self._pieces.items():
            pieces.sort(key=lambda piece: piece.rule.piece or (0, 1))
            _check(name, pieces, dialect)
        super().__init__(path, {name: self._spec_of(name) for name in self._pieces}, {})

    def _load(self, name: str) -> np.ndarray:
        pieces = self._pieces[name]
        joined = pieces[0].rule.write([piece.value for piece in pieces])
        return np.ascontiguousarray(_cast_if_exact(joined, pieces[0].stored))

    def _spec_of(self, name: str) -> Spec:
        """Shape and dtype; only where a cast may lose something does it take the values."""
        first, *others = self._pieces[name]
        held = np.dtype(first.variable.dtype)
        if first.stored not in (None, held) and _is_float(first.stored):
            array = self._load(name)
            return Spec(array.shape, array.dtype)
        shape = first.shape
        if others:
            shape = (*shape[:-1], shape[-1] * (1 + len(others)))
        nothing = np.broadcast_to(np.zeros((), "int8"), shape)
        return Spec(first.rule.write([nothing]).shape, held)


def _check(name: str, pieces: list[TensorPiece], dialect: Dialect) -> None:
    """See that the pieces of one tensor are equally large, as its readers take them to be."""
    cut, shapes = pieces[0].rule.piece, [piece.shape for piece in pieces]
    if cut is not None and len(set(shapes)) > 1:
        raise CheckpointError(
            f"{dialect.name!r} stores {name} as {cut[1]} equal pieces, but this model's are "
            f"{', '.join(map(str, shapes))}; save as 'playmask'."
        )


def _origin(model: Transformer, dialect: Dialect) -> dict[str, tuple[str, np.dtype | None]]:
    """Under which name and dtype each weight was loaded, where it came from this dialect."""
    report = model.report
    if report is None:
        return {}
    if (report.family, report.dialect) != (model.architecture.family, dialect.name):
        return {}
    return {item.ours: (item.theirs, item.dtype) for item in report.loaded}


def _readings(ours: str, model: Transformer, dialect: Dialect) -> list[tuple[Rule, str]]:
    """What one of our weights may be stored as: its rules and names, the usual first."""
    readings = readings_of(ours, dialect, model.architecture.vocabulary_head.tied)
    if not readings:
        raise CheckpointError(
            f"The dialect {dialect.name!r} has no name for {ours}; save as 'playmask'."
        )
    return [(rule.bound(model.architecture.key_size_), name) for rule, name in readings]


def _cast_if_exact(value: np.ndarray, dtype: np.dtype | None) -> np.ndarray:
    """Store in the dtype a tensor was loaded from, if that loses nothing."""
    if dtype is None or value.dtype == dtype or not _is_float(dtype):
        return value
    cast = value.astype(dtype)
    return cast if np.array_equal(cast.astype(value.dtype), value) else value


def _is_float(dtype: np.dtype) -> bool:
    return np.issubdtype(dtype, np.floating) or dtype == ml_dtypes.bfloat16
