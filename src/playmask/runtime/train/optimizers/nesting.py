"""Optimizers in optimizers: of those that scale losses, accumulate gradients, or hold several."""

from collections.abc import Sequence
from typing import Any


def innermost(optimizer: Any) -> Any:
    """The optimizer that updates: inside of what scales its losses or accumulates its gradients."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer


def inner_optimizers(optimizer: Any) -> Sequence[Any]:
    """The optimizer that updates, or of one that holds several, each for its weights, all."""
    optimizer = innermost(optimizer)
    return getattr(optimizer, "optimizers", None) or [optimizer]
