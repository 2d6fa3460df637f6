"""How tests compare numbers, and the tiny models they compare them on."""

from typing import Any

import keras
import numpy as np

from playmask.model.architecture import Architecture
from playmask.model.parts import Learned
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.lazy_weights import blank, fill

TINY = Architecture(
    family="bert",
    vocabulary=40,
    width=24,
    depth=2,
    attention_heads=4,
    inner=32,
    position=Learned(20),
    initializer_range=0.5,  # large, so that attention is far from uniform and a wrong mask shows
)


def error(value: Any, wanted: Any) -> float:
    """The largest difference, in parts of the largest wanted value."""
    value, wanted = (np.asarray(keras.ops.convert_to_numpy(x), "float64") for x in (value, wanted))
    assert value.shape == wanted.shape, f"{value.shape} is not {wanted.shape}"
    return float(np.abs(value - wanted).max() / np.abs(wanted).max())


def log_softmax(logits: Any) -> np.ndarray:
    """Log-probabilities, in numpy."""
    x = np.asarray(keras.ops.convert_to_numpy(logits), "float64")
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def tiny(*, heads: tuple[str, ...] = (), seed: int = 1, **changes: Any) -> Transformer:
    """A tiny model whose weights, biases and norms too, are all random."""
    return filled(TINY.change(**changes), heads, seed)


def filled(architecture: Architecture, heads: tuple[str, ...] = (), seed: int = 1) -> Transformer:
    """A model whose weights, biases and norms too, are all random."""
    model = blank(lambda: Transformer(architecture, heads))
    random = np.random.default_rng(seed)
    for name, variable in weights_by_name(model).items():
        middle = 1.0 if name.endswith("gamma") else 0.0
        fill(variable, middle + 0.3 * random.normal(size=variable.shape).astype("float32"))
    return model


def tokens(rows: int, length: int, seed: int = 2) -> np.ndarray:
    """Random ids that are no padding: int32 (rows, length)."""
    return np.random.default_rng(seed).integers(1, 40, (rows, length)).astype("int32")


def numpy_of(x: Any) -> np.ndarray:
    """A tensor as a numpy array, on every backend."""
    return np.asarray(keras.ops.convert_to_numpy(x))


def assert_same(found: Any, expected: Any) -> None:
    """A container's tensors against arrays or another's: names, shapes, dtypes and bits."""
    assert set(found) == set(expected)
    for name, array in expected.items():
        spec, value = found.spec(name), found[name]
        assert (spec.shape, spec.dtype) == (value.shape, value.dtype) == (array.shape, array.dtype)
        assert value.tobytes() == array.tobytes(), name
        assert value.flags.writeable and value.flags.aligned
