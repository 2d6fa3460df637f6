"""Mixed precision: a Transformer computes in half, its weights stay in float32."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from playmask.errors import ConfigError
from playmask.model.products import BfloatProducts, available


@contextmanager
def computing_in(network: keras.Model, precision: str) -> Iterator[None]:
    """Let the Transformer of a network compute in a precision, as if it were loaded in it.

    What a task puts on it computes as before, which is in float32. Where a processor multiplies
    bfloat16 twice as fast, and that alone, nothing but products is in it.
    Source: Micikevicius et al. 2018
    Raises: ConfigError where its weights are not in float32, or it computes in half already
    """
    inside = getattr(network, "transformer", network)
    loaded_so = precision == "bfloat16" and isinstance(inside.dtype_policy, BfloatProducts)
    if precision == "float32" or loaded_so:
        yield
        return
    if inside.dtype_policy.name != "float32":
        raise ConfigError(
            f"precision={precision!r} is for a model whose weights are in float32; this one is "
            f"loaded in {inside.dtype_policy.name}. Load it in float32, or leave precision out."
        )
    plain = [each for each in inside._flatten_layers() if each.dtype_policy.name == "float32"]
    try:
        rounding = precision == "bfloat16" and available()
        _set_policy(plain, BfloatProducts() if rounding else f"mixed_{precision}")
        yield
    finally:
        _set_policy(plain, "float32")


def _set_policy(layers: list[Any], policy: str | keras.DTypePolicy) -> None:
    for layer in layers:
        layer.dtype_policy = policy


def scaled(optimizer: keras.optimizers.Optimizer, precision: str) -> keras.optimizers.Optimizer:
    """An optimizer whose losses are scaled so that gradients in float16 do not vanish.

    A step whose gradients are not finite is left out, and the scale halved.
    """
    return keras.optimizers.LossScaleOptimizer(optimizer) if precision == "float16" else optimizer
