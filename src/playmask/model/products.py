"""Products of matrices whose factors are rounded to bfloat16, on processors that gain by it."""

import time
from functools import cache
from typing import Any

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Tensor

PRODUCTS = "bfloat16_products"
FEW = 48
"""Rows below which a product waits for its kernel, which float32 need not round first."""


class BfloatProducts(keras.DTypePolicy):
    """The dtype policy float32, but factors of dense layers' products are rounded to bfloat16.

    So are those of the table that scores a vocabulary. Sums are in float32, and so is all that is
    no product: half precision where it is quick on a processor, and nowhere else. On a card
    "mixed_bfloat16" is quicker, whose activations are half as large.
    """

    def __init__(self) -> None:
        super().__init__("float32")
        self._name = PRODUCTS

    def get_config(self) -> dict[str, Any]:
        """Nothing is to be told."""
        return {}


def stored_name(policy: keras.DTypePolicy) -> str:
    """The name of a policy in a file, which is read where there are no such products too."""
    return "float32" if isinstance(policy, BfloatProducts) else str(policy.name)


@cache
def available() -> bool:
    """Whether there are such products: JAX on a processor, whose XLA adds them up in float32.

    They are quicker than float32 where the processor multiplies bfloat16 (AVX512-BF16, AMX).
    """
    if keras.backend.backend() != "jax":
        return False
    import jax

    try:
        count = 257  # which bfloat16 cannot say
        ones = jax.numpy.ones((count, count))
        return jax.default_backend() == "cpu" and bool(jax.jit(_jax)(ones, ones)[0, 0] == count)
    except jax.errors.JaxRuntimeError:  # this XLA knows no such product
        return False


def quicker(rows: int = 1024, width: int = 384) -> bool:
    """Whether such a product takes less time here than the same one in float32; both are timed.

    A processor without bfloat16 units has the product, but converts it to float32 and back.

    Shapes: (rows, width) · (width, 4 · width), a feed-forward layer's
    """
    if not available():
        return False
    import jax

    x, kernel = jax.numpy.ones((rows, width)), jax.numpy.ones((width, 4 * width))
    exact, rounding = (jax.jit(product) for product in (jax.numpy.matmul, _jax))
    return _seconds(rounding, x, kernel) < _seconds(exact, x, kernel)


def _seconds(product: Any, x: Any, kernel: Any) -> float:
    """The least time of a compiled product in 10 runs, after one that compiles it."""
    times = []
    for _ in range(11):
        began = time.perf_counter()
        product(x, kernel).block_until_ready()
        times.append(time.perf_counter() - began)
    return min(times[1:])


def bfloat_products() -> BfloatProducts:
    """The policy; raises ConfigError where there are no such products."""
    if not available():
        raise ConfigError(
            f"{PRODUCTS} is for JAX on a processor, with an XLA that has such products; here "
            "mixed_bfloat16 may be quicker than float32."
        )
    return BfloatProducts()


def matmul(x: Tensor, kernel: Tensor, policy: keras.DTypePolicy) -> Tensor:
    """The product (rows, D) · (D, units) by a layer's policy."""
    if isinstance(policy, BfloatProducts) and x.shape[0] >= FEW:
        return rounded(x, ops.convert_to_tensor(kernel))
    return ops.matmul(x, kernel)


def tied(table: Any, x: Tensor) -> Tensor:
    """The scores of a table's rows for (rows, D), by its layer's policy: (rows, vocabulary)."""
    if isinstance(table.dtype_policy, BfloatProducts) and x.shape[0] >= FEW:
        return rounded(x, ops.convert_to_tensor(table.embeddings), 1)
    scores: Tensor = table(x, reverse=True)
    return scores


def rounded(x: Tensor, kernel: Tensor, axis: int = 0) -> Tensor:
    """The product of two float32 matrices that are rounded to bfloat16, added up in float32.

    Its gradients are such products too. XLA computes them at twice the rate of float32 as long as
    the first factor and the result lie row by row, which is what the layouts ask for.

    axis: of the kernel, over which is summed
    Shapes: (rows, D), (D, units), or (units, D) with axis 1 -> (rows, units)
    """
    return _differentiable()(x, kernel, axis)


@cache
def _differentiable() -> Any:
    """`_jax` with its gradients, which are products of the same kind."""
    import jax

    product = jax.custom_vjp(jax.jit(_jax, static_argnums=2), nondiff_argnums=(2,))

    def forward(x: Any, kernel: Any, axis: int) -> tuple[Any, tuple[Any, Any]]:
        return product(x, kernel, axis), (x, kernel)

    def backward(axis: int, factors: tuple[Any, Any], gradient: Any) -> tuple[Any, Any]:
        x, kernel = factors
        both = (x.T, gradient) if axis == 0 else (gradient.T, x)
        return product(gradient, kernel, 1 - axis), product(*both, 0)

    product.defvjp(forward, backward)
    return product


def _jax(x: Any, kernel: Any, axis: int = 0) -> Any:
    """The product over the last axis of x and one of the kernel, which XLA is not to turn."""
    import jax
    from jax.experimental import layout

    constrain: Any = layout.with_layout_constraint
    by_rows = layout.Layout(major_to_minor=(0, 1))
    product = jax.lax.dot_general(
        constrain(x.astype("bfloat16"), by_rows),
        kernel.astype("bfloat16"),
        (((1,), (axis,)), ((), ())),
        preferred_element_type="float32",
    )
    return constrain(product, by_rows)
