"""Gradients of a model's outputs with respect to its inputs, on every backend."""

import contextlib
from functools import cache
from typing import Any

import keras
from keras import ops

from playmask.runtime.compiled import Compiled, Function, for_backend


def value_and_gradient(model: keras.Model, function: Function) -> Compiled:
    """Compile `with_gradient(function)` of a model, its weights passed in as arguments."""
    return Compiled(model, with_gradient(function))


def with_gradient(function: Function) -> Function:
    """Make a function return its value and the gradient with respect to its first argument.

    The first argument is a float tensor or a nest of them, such as a cache's keys and values; the
    gradient has its shape, with zeros where nothing depends on it. Of many values, such as one
    for each row, it is the gradient of their sum. It serves inside whatever is compiled, too: a
    training step, a loop.

    Shapes: function (x, …) -> value (…) ; the result (x, …) -> value (…), gradient as x
    """
    return for_backend(_BACKENDS)(function)


def with_differentiable_gradient(function: Function) -> Function:
    """The same for a gradient that is differentiated again, by weights: as a penalty on it is."""
    return for_backend({**_BACKENDS, "torch": _torch_twice})(function)


def _jax(function: Function) -> Function:
    import jax

    def run(x: Any, *arguments: Any) -> Any:
        def total(x: Any) -> Any:
            value = function(x, *arguments)
            return ops.sum(value), value

        gradient, value = jax.grad(total, has_aux=True)(x)
        return value, gradient

    return run


def _tensorflow(function: Function) -> Function:
    import tensorflow

    _complete_tensorflow()

    def run(x: Any, *arguments: Any) -> Any:
        with tensorflow.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = function(x, *arguments)
        zeros = tensorflow.UnconnectedGradients.ZERO
        return value, tape.gradient(value, x, unconnected_gradients=zeros)

    return run


@cache
def _complete_tensorflow() -> None:
    """Give TensorFlow the gradient it lacks: of writing a slice, as the key-value cache does."""
    import tensorflow

    def back(operation: Any, gradient: Any) -> tuple[Any, Any, None]:
        _, update, at = operation.inputs
        outside = ops.slice_update(gradient, at, ops.zeros_like(update))
        return outside, tensorflow.slice(gradient, at, tensorflow.shape(update)), None

    with contextlib.suppress(KeyError):  # a TensorFlow that has it
        tensorflow.RegisterGradient("XlaDynamicUpdateSlice")(back)


def _torch(function: Function) -> Function:
    import torch

    def run(x: Any, *arguments: Any) -> Any:
        with torch.inference_mode(False), torch.enable_grad():
            # What was made for inference has no gradient; a copy may have one.
            own, *others = keras.tree.map_structure(_copy, (x, *arguments))
            leaves = [leaf.requires_grad_() for leaf in keras.tree.flatten(own)]
            value = function(own, *others)
            gradients = torch.autograd.grad(
                value.sum(), leaves, allow_unused=True, materialize_grads=True
            )
        return value.detach(), keras.tree.pack_sequence_as(own, gradients)

    return run


def _copy(tensor: Any) -> Any:
    return tensor.detach().clone()


def _torch_twice(function: Function) -> Function:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def run(x: Any, *arguments: Any) -> Any:
        x = keras.tree.map_structure(_copy, x)
        leaves = [leaf.requires_grad_() for leaf in keras.tree.flatten(x)]
        with sdpa_kernel(SDPBackend.MATH):  # the others' gradients have no gradient
            value = function(x, *arguments)
            gradients = torch.autograd.grad(
                value.sum(), leaves, create_graph=True, allow_unused=True, materialize_grads=True
            )
        return value, keras.tree.pack_sequence_as(x, gradients)

    return run


_BACKENDS = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}
