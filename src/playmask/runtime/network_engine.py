"""A compiled network, as the engine of a predictor."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from playmask.model.inputs import check_inputs
from playmask.model.transformer import Transformer
from playmask.runtime.compiled import Compiled
from playmask.runtime.engine import Array, Engine
from playmask.runtime.peer_processes import processes
from playmask.runtime.planning import BATCH_TOKENS, price_of
from playmask.runtime.row_inputs import Bounds

AT_ONCE = {"jax": 2}.get(keras.backend.backend(), 1)
"""How many batches run at once. Each uses all cores for large products and one for much else, so
that two fill each other's gaps; PyTorch gives each thread as many more as there are cores."""


class NetworkEngine(Engine):
    """Runs a network of Keras', or a function of it, compiled once per shape."""

    def __init__(
        self,
        model: keras.Model,
        function: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        transformer = getattr(model, "transformer", model)
        architecture = getattr(transformer, "architecture", None)
        whole = isinstance(model, Transformer) and function is None
        self._checked = architecture if whole else None  # what else the inputs must go with
        self.tokens = BATCH_TOKENS
        self.bounds = Bounds.of(architecture, limits or {})
        self.price = price_of(model.count_params())
        # Several processes must run their collectives in the same order.
        self.at_once = AT_ONCE if processes() == 1 else 1
        self._compiled = Compiled(model, function or (lambda inputs: model(inputs, training=False)))
        self.weights = self._compiled.weights

    @property
    def traces(self) -> int:
        """How many shapes were compiled so far."""
        return self._compiled.traces

    def __call__(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Run one batch, of a caller who reads the weights already."""
        outputs = self._compiled.run(inputs)
        return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}

    def check(self, inputs: dict[str, Array]) -> None:
        """Refuse inputs that the architecture does not know, or that lack what it needs."""
        if self._checked is not None:
            check_inputs(inputs, self._checked)
