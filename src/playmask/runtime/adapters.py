"""Low-rank adapters of a model: put on, merged into its kernels, and taken away again."""

import re
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from playmask.errors import ConfigError
from playmask.model.dense import LORA, Dense
from playmask.model.transformer import Transformer

FILES = "adapters.safetensors", "adapters.json"
"""What a directory holds of adapters: their matrices, and what they are."""

Array = npt.NDArray[Any]
Matrices = dict[str, tuple[Array, Array]]


@dataclass
class Adapters:
    """What adapts a model's dense layers: A (D, rank) and B (rank, units) of each, by its path.

    base: the kernels as they were before A B · alpha / rank was merged into them; empty while the
    layers add it themselves
    """

    rank: int
    alpha: float
    pattern: str
    matrices: Matrices = field(default_factory=dict)
    base: dict[str, Array] = field(default_factory=dict)

    @property
    def choice(self) -> tuple[int, float, str]:
        """What was asked for."""
        return self.rank, self.alpha, self.pattern


def dense_layers(model: Transformer) -> dict[str, Dense]:
    """The dense layers of a model by their paths inside it, as "blocks/0/attention/query"."""
    inside = len(model.path) + 1
    return {
        layer.path[inside:]: layer
        for layer in reversed([*model._flatten_layers()])
        if isinstance(layer, Dense) and layer.adaptable
    }


def attached(model: Transformer) -> dict[str, Dense]:
    """Those that add adapters to their outputs now."""
    return {path: layer for path, layer in dense_layers(model).items() if layer.adapter is not None}


def adapter_weights(model: Transformer) -> dict[str, Any]:
    """The matrices that adapters learn, by name, as "blocks/0/attention/query/lora_down"."""
    layers = attached(model)
    return {f"{path}/{v.name}": v for path, d in layers.items() for v in d.adapter.weights}  # type: ignore[union-attr]


def attach(model: Transformer, rank: int, alpha: float, pattern: str) -> None:
    """Put fresh adapters, which change nothing yet, on the dense layers whose paths match.

    Raises: ConfigError where none does, and for a rank that saves nothing
    """
    layers = dense_layers(model)
    chosen = {path: layer for path, layer in layers.items() if re.search(pattern, path)}
    if not chosen:
        kinds = dict.fromkeys(re.sub(r"^(blocks|decoder)/\d+/", r"\1/…/", path) for path in layers)
        raise ConfigError(
            f"LoRA adapts dense layers, and none has a path that matches {pattern!r}; there are "
            f"{', '.join(kinds)}."
        )
    for path, layer in chosen.items():
        smaller = min(layer.kernel.shape)
        if rank >= smaller:
            raise ConfigError(
                f"LoRA's rank is {rank}, but the kernel of {path} has {smaller} rows or columns, "
                "so that it would save nothing; give a lower one."
            )
    for layer in chosen.values():
        layer.adapt(rank, alpha)
    model.adapters = Adapters(rank, alpha, pattern)
    model.structure += 1


def matrices_of(model: Transformer) -> Matrices:
    """A and B of every adapter that a model has, merged or not."""
    layers = attached(model)
    if not layers:
        return {} if model.adapters is None else model.adapters.matrices
    return {p: (_array(d.adapter.down), _array(d.adapter.up)) for p, d in layers.items()}  # type: ignore[union-attr]


def merged_kernels(model: Transformer) -> dict[str, Array]:
    """The kernels of layers that add adapters now, by name, as they are with these merged in."""
    layers, matrices = attached(model), matrices_of(model)
    factor = model.adapters.alpha / model.adapters.rank if layers else 1.0
    return {
        f"{path}/kernel": _merged(_array(layer._kernel), *matrices[path], factor)
        for path, layer in layers.items()
    }


def merge(model: Transformer) -> None:
    """Merge adapters into the kernels: the model computes the same, as fast as without them.

    The kernels before are kept, for `detach`. Integers cannot be merged into: there adapters stay.
    """
    layers = attached(model)
    if model.quantized or not layers:
        return
    matrices, kernels = matrices_of(model), merged_kernels(model)
    model.adapters.matrices = matrices
    model.adapters.base = {path: _array(layer._kernel) for path, layer in layers.items()}
    for path, layer in layers.items():
        layer._kernel.assign(kernels[f"{path}/kernel"])
        layer.release()
    model.structure += 1


def detach(model: Transformer) -> None:
    """Take adapters away: every weight of the model is again, bit for bit, what it was before."""
    layers = attached(model)
    for layer in layers.values():
        layer.release()
    if model.adapters is not None:
        every = dense_layers(model)
        for path, kernel in model.adapters.base.items():
            every[path]._kernel.assign(kernel)
    model.adapters = None
    model.structure += bool(layers)


def put(model: Transformer, adapters: Adapters) -> None:
    """Put adapters with values on a model that has none, and merge them where that can be."""
    layers = dense_layers(model)
    for path in adapters.matrices:
        layers[path].adapt(adapters.rank, adapters.alpha)
    model.adapters = Adapters(*adapters.choice)
    model.structure += 1
    assign(model, adapters.matrices)
    merge(model)


def assign(model: Transformer, matrices: Matrices) -> None:
    """Give the adapters that a model has other values."""
    for path, layer in attached(model).items():
        assert layer.adapter is not None
        for variable, value in zip(layer.adapter.weights, matrices[path], strict=True):
            variable.assign(value)


def forget(model: Transformer) -> None:
    """Take what was merged for the model's own: there is no way back from there."""
    if model.adapters is not None and model.adapters.base:
        model.adapters = None


def freeze_all_but_adapters(model: Transformer) -> list[Any]:
    """Freeze all weights of a model but its adapters'; returns those that are frozen now."""
    frozen = [v for v in model.weights if v.trainable and v.name not in LORA]
    for variable in frozen:
        variable.trainable = False
    return frozen


def _array(variable: Any) -> Array:
    value: Array = np.array(keras.ops.convert_to_numpy(variable.value))
    return value


def _merged(kernel: Array, down: Array, up: Array, factor: float) -> Array:
    """W + A B · alpha / rank, rounded once."""
    product = down.astype("float64") @ up.astype("float64")
    merged: Array = (kernel.astype("float64") + factor * product).astype(kernel.dtype)
    return merged
