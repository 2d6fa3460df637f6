"""Array operations: those of Keras for tensors, and NumPy's under the same names for its arrays.

What chooses tokens runs compiled on tensors where Keras runs the model, and on NumPy's arrays where
an exported graph stands in its place.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Tensor = Any  # a tensor of whichever backend Keras runs on, or an array of NumPy's
Array = npt.NDArray[Any]


class NumpyOperations:
    """Functions of `keras.ops` on NumPy's arrays: those that NumPy has not, or not so named.

    All others are NumPy's own.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def convert_to_tensor(x: Any, dtype: Any = None) -> Array:
        """An array of numbers."""
        return np.asarray(x, dtype)

    convert_to_numpy = convert_to_tensor

    @staticmethod
    def cast(x: Any, dtype: Any) -> Array:
        """Numbers of another type."""
        return np.asarray(x).astype(dtype, copy=False)

    @staticmethod
    def slice(x: Array, start: Sequence[Any], shape: Sequence[int]) -> Array:
        """The part of a shape that begins at a place."""
        return x[_window(start, shape)]

    @staticmethod
    def slice_update(x: Array, start: Sequence[Any], updates: Array) -> Array:
        """A copy with a part exchanged that begins at a place."""
        changed = x.copy()
        changed[_window(start, updates.shape)] = updates
        return changed

    @staticmethod
    def scatter_update(x: Array, indices: Array, updates: Array) -> Array:
        """A copy with elements exchanged; indices (N, axes)."""
        changed = x.copy()
        changed[tuple(indices.T)] = updates
        return changed

    @staticmethod
    def top_k(x: Array, k: int) -> tuple[Array, Array]:
        """The k largest of the last axis and their places; of equal ones the first come first."""
        rows = x.reshape(-1, x.shape[-1])
        least = np.partition(rows, -k, axis=-1)[:, -k]
        places = np.empty((len(rows), k), "int32")
        for i, row in enumerate(rows):
            largest = np.flatnonzero(~(row < least[i]))  # all, where the bound is NaN
            places[i] = largest[np.argsort(-row[largest], kind="stable")[:k]]
        places = places.reshape(*x.shape[:-1], k)
        return np.take_along_axis(x, places, axis=-1), places

    @staticmethod
    def softmax(x: Array, axis: int = -1) -> Array:
        """Shares that sum to 1."""
        powers = np.exp(x - x.max(axis=axis, keepdims=True))
        shares: Array = powers / powers.sum(axis=axis, keepdims=True)
        return shares

    @staticmethod
    def log_softmax(x: Array, axis: int = -1) -> Array:
        """Their logarithms."""
        below = x - x.max(axis=axis, keepdims=True)
        logs: Array = below - np.log(np.exp(below).sum(axis=axis, keepdims=True))
        return logs

    @staticmethod
    def while_loop(
        condition: Callable[..., Any], body: Callable[..., tuple[Any, ...]], values: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Repeat what makes new values of values as long as a condition of these holds."""
        while condition(*values):
            values = body(*values)
        return values


NUMPY = NumpyOperations()


def operations_of(*arrays: Tensor) -> Any:
    """The operations for arrays: `keras.ops` where one is a tensor, NumPy's for its own alone.

    Example:
        >>> logs = operations_of(np.zeros(2)).log_softmax(np.zeros(2, "float32"))
        >>> type(logs).__name__, logs.dtype.name
        ('ndarray', 'float32')

    """
    if all(isinstance(each, (np.ndarray, np.generic)) for each in arrays):
        return NUMPY
    from keras import ops

    return ops


def mapped(function: Callable[[Any], Any], nest: Any) -> Any:
    """A nest of dicts, lists and tuples with a function applied to each leaf."""
    if isinstance(nest, dict):
        return {name: mapped(function, each) for name, each in nest.items()}
    if isinstance(nest, (list, tuple)):
        parts = [mapped(function, each) for each in nest]
        return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)
    return function(nest)


def _window(start: Sequence[Any], shape: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(int(at), int(at) + size) for at, size in zip(start, shape, strict=True))
