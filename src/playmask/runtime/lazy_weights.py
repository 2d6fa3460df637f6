"""Building a model without drawing weights that a checkpoint overwrites anyway.

The only place that touches Keras' private list of uninitialised variables.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import keras
import ml_dtypes  # also makes numpy know "bfloat16"
import numpy as np
from keras.src.backend.common import global_state

from playmask.runtime.threads import ordered_map

M = TypeVar("M", bound=keras.Model)

_WAITING = "uninitialized_variables"

AT_ONCE = 2
"""Weights made at once: transposing or casting one waits for memory, not for a core."""

ALIGNMENT = 64
"""At multiples of how many bytes an array must start for JAX to use its memory as it is."""


def blank(make: Callable[[], M]) -> M:
    """Build a model whose weights have shapes but no values yet; `fill` gives each its value.

    Keras would draw them all when the next default StatelessScope ends, so they are taken off
    its list; what is no weight (the seeds of dropout) is initialised here.
    """
    outer = list(global_state.get_global_attribute(_WAITING, []))
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = make()
        created = global_state.get_global_attribute(_WAITING, [])[len(outer) :]
    finally:
        global_state.set_global_attribute(_WAITING, outer)
    weights = {id(variable) for variable in model.weights}
    for variable in created:
        if id(variable) not in weights:
            variable._deferred_initialize()
    return model


def fill(variable: Any, value: np.ndarray | None = None) -> None:
    """Give a blank variable its first value: this array, or what its own initialiser draws."""
    if value is not None:
        fill_all([(variable, lambda: value)])
    else:
        variable._deferred_initialize()


def fill_all(values: Sequence[tuple[Any, Callable[[], np.ndarray]]], *, copy: bool = False) -> None:
    """Give blank variables their first values, each made by its function, in threads.

    JAX uses an array's memory as it is, where it can: a memory-mapped weight is then read when
    it is first used, and its file must only ever be replaced, never written into.
    copy: into memory of their own, so that nothing done to the file later is seen
    """
    device = _device()

    def lent(pair: tuple[Any, Callable[[], np.ndarray]]) -> Any:
        variable, value = pair
        with device():
            return _lend(value(), np.dtype(variable.dtype), copy)

    for (variable, _), value in zip(values, ordered_map(lent, values, AT_ONCE), strict=True):
        if keras.distribution.distribution() is not None:
            variable._initialize(value)  # Keras would compile the function of a large weight
            continue
        variable._initializer = lambda shape, dtype, value=value: value
        variable._deferred_initialize()


def _device() -> Callable[[], AbstractContextManager[None]]:
    """What puts another thread's arrays where this one's go."""
    if keras.backend.backend() != "jax":
        return nullcontext
    import jax

    chosen = jax.config.jax_default_device  # type: ignore[attr-defined]
    return lambda: jax.default_device(chosen)


def _lend(array: np.ndarray, dtype: np.dtype, copy: bool) -> Any:
    """Hand an array to the backend without the copies that Keras makes where it need not."""
    if keras.backend.backend() == "torch":
        return _torch(array, dtype)
    if keras.backend.backend() == "jax":
        return _jax(array, dtype, copy)
    return array.astype(dtype, copy=False)  # TensorFlow copies it into its own memory, always


def _jax(array: np.ndarray, dtype: np.dtype, copy: bool) -> Any:
    """See an array as JAX's, or a copy of it: JAX's own are slower, and wait with their source."""
    import jax

    if array.flags.f_contiguous and not array.flags.c_contiguous:
        transposed = jax.device_put(array.astype(dtype, copy=False))  # twice as fast as numpy
        return transposed.block_until_ready()
    lies = array.flags.c_contiguous and not array.ctypes.data % ALIGNMENT
    if copy or array.dtype != dtype or not lies:
        array = _aligned(array, dtype)
    return jax.device_put(array, may_alias=True)


def _aligned(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Copy an array, cast, to where JAX need not copy it once more."""
    memory = np.empty(array.size * dtype.itemsize + ALIGNMENT, "uint8")
    start = -memory.ctypes.data % ALIGNMENT
    copy = memory[start : start + array.size * dtype.itemsize].view(dtype).reshape(array.shape)
    np.copyto(copy, array, casting="unsafe")
    return copy


def _torch(array: np.ndarray, dtype: np.dtype) -> Any:
    """Copy an array once, cast; not shared, since training writes into PyTorch's weights."""
    import torch

    if array.dtype == ml_dtypes.bfloat16:  # which PyTorch does not know as numpy's
        tensor = torch.from_numpy(array.view("int16")).view(torch.bfloat16)
    else:
        tensor = torch.from_numpy(array)
    return tensor.to(getattr(torch, dtype.name), copy=True)
