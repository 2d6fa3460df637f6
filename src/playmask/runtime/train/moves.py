"""Moves of embeddings of a bounded length, each text by its own: what adversarial methods add."""

from typing import Any

from keras import ops

from playmask.errors import ConfigError

LEAST = 1e-12  # the length of a gradient that has a direction


def above_zero(name: str, value: float) -> float:
    """A number that is above 0; raises ConfigError for others."""
    if not value > 0:
        raise ConfigError(f"{name} is above 0, not {value!r}.")
    return value


def at_least_one(name: str, value: int) -> int:
    """A whole number from 1; raises ConfigError for others."""
    if not value >= 1:
        raise ConfigError(f"{name} is from 1, not {value!r}.")
    return value


def length(x: Any, axes: tuple[int, ...] | None = (1, 2)) -> Any:
    """The Euclidean length of each text's vectors, (B, T, E) -> (B, 1, 1); None: of all."""
    return ops.sqrt(ops.sum(ops.square(ops.cast(x, "float32")), axis=axes, keepdims=True))


def along(gradient: Any, size: Any, axes: tuple[int, ...] | None = (1, 2)) -> Any:
    """A move of some length along a gradient, no gradient flows through it."""
    gradient = ops.cast(gradient, "float32")
    return ops.stop_gradient(size * gradient / ops.maximum(length(gradient, axes), LEAST))


def within(move: Any, radius: float) -> Any:
    """The nearest move that is no longer than a radius."""
    return move * ops.minimum(1.0, radius / ops.maximum(length(move), LEAST))
