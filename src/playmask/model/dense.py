"""Dense layers: every row of the last axis through one matrix."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from playmask.model.masks import Tensor


class Dense(keras.layers.Dense):
    """Keras' dense layer, computed as one product of two matrices.

    Its gradient is then a product of two matrices too, where XLA would first transpose copies of
    (B, T, D) and (B, T, units): forward and backward take 0.4 to 0.8 of the time on a CPU.
    Shapes: x (…, D) -> (…, units)
    """

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Map every row."""
        return by_rows(super().call, inputs)

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        """Turn the kernel into integers as Keras does for layers of its own."""
        super().quantize(mode, type_check=False, config=config)


def by_rows(product: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply what maps (rows, D) -> (rows, U) to x (…, D), and give it back as (…, U)."""
    y = product(ops.reshape(x, (-1, x.shape[-1])))
    return ops.reshape(y, (*ops.shape(x)[:-1], y.shape[-1]))
