"""Distances between the hidden states of a teacher and of a student."""

from typing import Any

from keras import ops

Tensor = Any


def mean_over_tokens(values: Tensor, tokens: Tensor | None) -> Tensor:
    """The mean over the tokens that count, of the sum over what stands behind: (B, T, …) -> (B,).

    tokens: how much each counts, (B, T); None = there is one value a text
    """
    if tokens is None or len(values.shape) < 2:
        return values
    each = ops.sum(ops.reshape(values, (*ops.shape(values)[:2], -1)), axis=-1)
    tokens = ops.cast(tokens, each.dtype)
    return ops.sum(each * tokens, axis=1) / ops.maximum(ops.sum(tokens, axis=1), 1e-9)


def mse(teacher: Tensor, student: Tensor) -> Tensor:
    """The squared error of each token's state, the mean over its numbers: (B, T, D) -> (B, T).

    Source: Jiao et al. 2020 (TinyBERT), eq. 8 and 9
    """
    t, s = (ops.cast(x, "float32") for x in (teacher, student))
    return ops.mean(ops.square(t - s), axis=-1)


def cosine(teacher: Tensor, student: Tensor) -> Tensor:
    """1 - cos of each token's states: (B, T, D) -> (B, T).

    Source: Sanh et al. 2019 (DistilBERT), §2
    """
    t, s = (_unit(x) for x in (teacher, student))
    return 1.0 - ops.sum(t * s, axis=-1)


def patient(teacher: Tensor, student: Tensor) -> Tensor:
    """The squared distance of the first tokens' states at length 1: (B, T, D) -> (B, 1).

    Source: Sun et al. 2019 (patient knowledge distillation), eq. 7
    """
    t, s = (_unit(x[:, :1]) for x in (teacher, student))
    return ops.sum(ops.square(t - s), axis=-1)


DISTANCES = {"mse": mse, "cosine": cosine, "patient": patient}


def _unit(x: Tensor) -> Tensor:
    x = ops.cast(x, "float32")
    return x / ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-12))
