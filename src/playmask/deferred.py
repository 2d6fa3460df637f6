"""Building a model without drawing weights that a checkpoint overwrites anyway.

The only place that touches Keras' private list of uninitialised variables.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import keras
import ml_dtypes  # noqa: F401  (makes numpy know "bfloat16")
import numpy as np
from keras.src.backend.common import global_state

M = TypeVar("M", bound=keras.Model)

_WAITING = "uninitialized_variables"


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
    """Give a blank variable its first value: this array, or what its own initialiser draws.

    Where the backend can, it uses the array's memory as it is: a memory-mapped weight is then
    read when it is first used, and its file must only ever be replaced, never written into.
    """
    if value is not None:
        variable._initializer = lambda shape, dtype: _lend(value.astype(dtype, copy=False))
    variable._deferred_initialize()


def _lend(array: np.ndarray) -> Any:
    """Hand an array to the backend without the copy that JAX makes by default (0.3 s for BERT)."""
    if keras.backend.backend() != "jax":
        return array
    import jax

    return jax.device_put(array, may_alias=True)
