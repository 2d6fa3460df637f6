"""Dense layers: every row of the last axis through one matrix."""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
from keras import ops

from playmask.model.masks import Tensor
from playmask.model.products import matmul
from playmask.model.seams import is_exporting

LORA = "lora_down", "lora_up"
"""Names of the weights of adapters, which are no weights of the architecture."""


class LowRank(keras.layers.Layer):
    """Low-rank adapter (LoRA) of a dense layer: x A B · alpha / rank, added to the layer's output.

    Its weights are float32, whatever the layer's are; B begins at 0, so that nothing changes.
    Shapes: x (…, D) -> (…, units); A (D, rank), B (rank, units)
    Source: Hu et al. 2021, eq. 3; A is drawn as the authors' loralib draws it, ±1/√D
    """

    def __init__(self, units: int, rank: int, alpha: float, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.rank, self.factor = units, rank, alpha / rank

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create A and B for inputs (…, D)."""
        draw = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
        down, up = (shape[-1], self.rank), (self.rank, self.units)
        self.down = self.add_weight(name="lora_down", shape=down, initializer=draw, dtype="float32")
        self.up = self.add_weight(name="lora_up", shape=up, initializer="zeros", dtype="float32")

    def call(self, x: Tensor) -> Tensor:
        """What is added for every row; the full matrix A B is never made."""
        return ops.matmul(ops.matmul(x, self.down), self.up) * self.factor


class Dense(keras.layers.Dense):
    """Keras' dense layer, computed as one product of two matrices.

    Its gradient is then a product of two matrices too, where XLA would first transpose copies of
    (B, T, D) and (B, T, units): forward and backward take 0.4 to 0.8 of the time on a CPU.
    adapter: what is added to its output, or None
    Shapes: x (…, D) -> (…, units)
    """

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(units, **options)
        self.adapter: LowRank | None = None

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Map every row."""
        return by_rows(self._product, inputs)

    def _product(self, rows: Tensor) -> Tensor:
        y = matmul(rows, self.kernel, self.dtype_policy)
        if self.bias is not None:
            y = ops.add(y, self.bias)
        return self._adapted(self.activation(y), rows)

    def quantized_call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Map every row by a kernel of integers."""
        return self._adapted(super().quantized_call(inputs, training=training), inputs)

    def _adapted(self, y: Tensor, x: Tensor) -> Tensor:
        return y if self.adapter is None else y + self.adapter(x)

    @property
    def adaptable(self) -> bool:
        """Whether its output is a product and nothing more, to which an adapter can be added."""
        return self.activation is keras.activations.linear

    def adapt(self, rank: int, alpha: float) -> None:
        """Add an adapter to a layer that is built, which Keras itself does in this way too."""
        adapter = LowRank(self.units, rank, alpha, name="lora", dtype=self.compute_dtype)
        with ExitStack() as scopes:  # so that its weights' paths are those of this layer and more
            for name in filter(None, (self.path or "").split("/")):
                scopes.enter_context(keras.name_scope(name))
            adapter.build((None, self.kernel.shape[0]))
        self._tracker.unlock()
        self.adapter = adapter
        self._tracker.lock()

    def release(self) -> None:
        """Take the adapter away."""
        self._tracker.unlock()
        self._tracker.untrack(self.adapter)
        self.adapter = None
        self._tracker.lock()

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        """Turn the kernel into integers as Keras does for layers of its own."""
        super().quantize(mode, type_check=False, config=config)


@contextmanager
def new_garbage_only() -> Iterator[None]:
    """Keep searches for garbage out of all that there was before.

    Keras searches after every weight that it takes away, each time through all that is imported.
    """
    if gc.get_freeze_count():  # the program has seen to it, and keeps it so
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def by_rows(product: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply what maps (rows, D) -> (rows, U) to x (…, D), and give it back as (…, U)."""
    if is_exporting():  # other runtimes multiply by a matrix without making one of x
        return product(x)
    y = product(ops.reshape(x, (-1, x.shape[-1])))
    return ops.reshape(y, (*ops.shape(x)[:-1], y.shape[-1]))
