"""Activations by name."""

import math
from typing import Any

from keras import ops

from playmask.errors import ConfigError, nearest
from playmask.model.seams import seam


@seam
def gelu(x: Any) -> Any:
    """x Φ(x), by the error function: x/2 · (1 + erf(x/√2)).

    Keras on JAX takes erfc, which is more exact far below 0, where x Φ(x) is next to nothing, and
    2.6 times slower: it evaluates two polynomials and an exponential for each number.
    Source: Hendrycks & Gimpel 2016
    """
    return 0.5 * x * (1.0 + ops.erf(x * math.sqrt(0.5)))


@seam
def gelu_tanh(x: Any) -> Any:
    """x Φ(x), approximated by a tanh.

    Source: Hendrycks & Gimpel 2016
    """
    return ops.gelu(x, approximate=True)


ACTIVATIONS = {
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "relu": ops.relu,
    "tanh": ops.tanh,
    "swish": ops.silu,
    "linear": lambda x: x,
}
"""Activations by name; "gelu" is the form with erf, "gelu_tanh" an approximation of it."""


def activation(name: str) -> Any:
    """Look up an activation by name; raises ConfigError with the nearest name."""
    if name not in ACTIVATIONS:
        raise ConfigError(f"There is no activation {name!r}.{nearest(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]
