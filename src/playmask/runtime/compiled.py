"""Compiling a function of a model, with its weights passed in as arguments.

Weights that a compiled function closes over become constants: compilation takes three times as
long, memory doubles, and training is not seen.
"""

import hashlib
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import keras
import numpy as np

from playmask.errors import TRAINED, BusyError, ConfigError
from playmask.runtime.access import reading, weights_of
from playmask.runtime.host_copies import split_between_processes, whole_sharding
from playmask.runtime.peer_processes import agree

Function = Callable[..., Any]
T = TypeVar("T")


class Compiled:
    """Just-in-time compilation of a function of a model, once per shape, thread-safe.

    donate: the positions of arguments that are not used again, whose memory the results may take.
    `traces` counts how often it was compiled; 0 on PyTorch, which runs as it reads. `weights` are
    what a call reads, in one state of theirs (see `access.py`). A model that got adapters, or lost
    them, or that computes in another precision than before, is compiled anew.
    Raises: BusyError where another thread trains the model
    """

    def __init__(self, model: keras.Model, function: Function, donate: Sequence[int] = ()) -> None:
        self.traces = 0
        self.weights = weights_of(model)
        self._compile = partial(
            for_backend(_BACKENDS), function=function, count=self._count, donate=donate
        )
        self._model = weakref.ref(model)  # what is compiled for a model does not keep it alive
        self._lock = threading.Lock()
        self._begin(model)

    def _begin(self, model: keras.Model) -> None:
        """Compile for the weights that there are now."""
        self._structure = _structure_of(model)
        self._run = self._compile(model)
        self._known: set[Any] = set()

    def __call__(self, *arguments: Any) -> Any:
        """Run; the first call of each shape compiles while other threads wait."""
        with reading(self.weights):
            return self.run(*arguments)

    def run(self, *arguments: Any) -> Any:
        """The same for a caller who reads the weights already, in whatever thread."""
        shapes = keras.tree.map_structure(lambda x: (tuple(x.shape), str(x.dtype)), arguments)
        key = str(shapes)
        model = self._model()
        if model is not None and self._structure != _structure_of(model):
            with self._lock:
                self._begin(model)
        if key in self._known:
            return self._run(*arguments)
        with self._lock:
            result = self._run(*arguments)
            self._known.add(key)
        return result

    def _count(self) -> None:
        self.traces += 1


def _structure_of(model: keras.Model) -> tuple[Any, str]:
    """What a program was compiled for: how often adapters came or went, and the precision."""
    transformer = getattr(model, "transformer", model)
    return getattr(transformer, "structure", None), transformer.dtype_policy.name


def _jax(
    model: keras.Model, function: Function, count: Callable[[], None], donate: Sequence[int]
) -> Function:
    import jax

    variables = model.variables

    def run(values: list[Any], *arguments: Any) -> Any:
        count()
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping, initialize_variables=False):
            return function(*arguments)

    options: dict[str, Any] = {"donate_argnums": [position + 1 for position in donate]}
    split = split_between_processes(variables)
    if split:  # what comes out is to be whole in each process
        options["out_shardings"] = whole_sharding(split[0].value.sharding.mesh)
    jitted = jax.jit(run, **options)

    def call(*arguments: Any) -> Any:
        values: list[Any] = []
        if split:
            agree("what is computed", _digest(arguments))
        try:
            values.extend(variable.value for variable in variables)
            return jitted(values, *arguments)
        except (TypeError, RuntimeError):
            # A training of Keras alone, which nobody announces, takes the values out of a model.
            if len(values) < len(variables) or any(value.is_deleted() for value in values):
                raise BusyError(TRAINED) from None
            raise

    return call


def _digest(arguments: Any) -> str:
    """A hash of the arrays among arguments that come from outside of the devices."""
    digest = hashlib.sha256()
    for each in keras.tree.flatten(arguments):
        if isinstance(each, (np.ndarray, np.generic)):
            digest.update(f"{each.shape} {each.dtype}".encode() + each.tobytes())
    return digest.hexdigest()


def _tensorflow(
    model: keras.Model, function: Function, count: Callable[[], None], donate: Sequence[int]
) -> Function:
    import tensorflow

    def counted(*arguments: Any) -> Any:
        count()
        return function(*arguments)

    traced = tensorflow.function(counted, autograph=False)

    def run(*arguments: Any) -> Any:
        return traced(*keras.tree.map_structure(keras.ops.convert_to_tensor, arguments))

    return run


def _torch(
    model: keras.Model, function: Function, count: Callable[[], None], donate: Sequence[int]
) -> Function:
    import torch

    def run(*arguments: Any) -> Any:
        with torch.inference_mode():
            return function(*keras.tree.map_structure(keras.ops.convert_to_tensor, arguments))

    return run


_BACKENDS = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}


def for_backend(functions: Mapping[str, T]) -> T:
    """Select the implementation for the backend that Keras runs on.

    Raises: ConfigError for a backend without one
    """
    name = keras.backend.backend()
    if name not in functions:
        raise ConfigError(f"The Keras backend {name!r} is not supported; use jax.")
    return functions[name]
