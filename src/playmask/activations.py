"""Activations by name."""

from typing import Any

from keras import ops

from playmask.errors import ConfigError, nearest

ACTIVATIONS = {
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu_tanh": lambda x: ops.gelu(x, approximate=True),
    "relu": ops.relu,
    "tanh": ops.tanh,
    "swish": ops.silu,
    "linear": lambda x: x,
}
"""Activations by name; "gelu" is the erf form (Hendrycks & Gimpel 2016)."""


def activation(name: str) -> Any:
    """Look up an activation by name; raises ConfigError with the nearest name."""
    if name not in ACTIVATIONS:
        raise ConfigError(f"There is no activation {name!r}.{nearest(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]
