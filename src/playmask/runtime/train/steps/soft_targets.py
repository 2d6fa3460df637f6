"""Divergences between what a teacher and a student answer, and distances of their hidden states."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

Tensor = Any


def softmax_divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """T² · KL(softmax(t/T) ‖ softmax(s/T)) over the last axis, in nats.

    Shapes: (…, K) twice -> (…)
    Source: Hinton et al. 2015, §2.1 (with T², so that the gradient's size does not depend on T)
    """
    t, s = (ops.log_softmax(ops.cast(x, "float32") / temperature) for x in (teacher, student))
    return temperature**2 * ops.sum(ops.exp(t) * (t - s), axis=-1)


def logistic_divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """T² · KL(Bernoulli(σ(t/T)) ‖ Bernoulli(σ(s/T))) of each number, in nats.

    Shapes: (…) twice -> (…)
    """
    t, s = (ops.cast(x, "float32") / temperature for x in (teacher, student))
    return temperature**2 * (ops.sigmoid(t) * (t - s) - ops.softplus(t) + ops.softplus(s))


def chance_divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """The divergence of `logistic_divergence`, of log-probabilities: (…) twice -> (…)."""
    t, s = (
        x - ops.log1p(-ops.minimum(ops.exp(x), 1 - 1e-6))
        for x in (ops.cast(y, "float32") for y in (teacher, student))
    )
    return logistic_divergence(t, s, temperature)


def squared_difference(teacher: Tensor, student: Tensor, temperature: float = 1.0) -> Tensor:
    """(t - s)²; a number has no temperature: (…) twice -> (…)."""
    return ops.square(ops.cast(teacher, "float32") - ops.cast(student, "float32"))


def _whole(values: Tensor, tokens: Tensor | None) -> Tensor:
    return ops.sum(ops.reshape(values, (ops.shape(values)[0], -1)), axis=1)


def _mean(values: Tensor, tokens: Tensor | None) -> Tensor:
    return ops.mean(ops.reshape(values, (ops.shape(values)[0], -1)), axis=1)


def mean_over_tokens(values: Tensor, tokens: Tensor | None) -> Tensor:
    """The mean over the tokens that count, of the sum over what stands behind: (B, T, …) -> (B,).

    tokens: how much each counts, (B, T); None = there is one value a text
    """
    if tokens is None or len(values.shape) < 2:
        return values
    each = ops.sum(ops.reshape(values, (*ops.shape(values)[:2], -1)), axis=-1)
    tokens = ops.cast(tokens, each.dtype)
    return ops.sum(each * tokens, axis=1) / ops.maximum(ops.sum(tokens, axis=1), 1e-9)


class SoftTarget(NamedTuple):
    """How far a student's output is from a teacher's: of each number, and of a text: (B,)."""

    divergence: Callable[[Tensor, Tensor, float], Tensor]
    of_text: Callable[[Tensor, Tensor | None], Tensor]


SOFTMAX = SoftTarget(softmax_divergence, mean_over_tokens)
LABELS = SoftTarget(logistic_divergence, _mean)
TABLES = SoftTarget(logistic_divergence, _whole)
ENDS = SoftTarget(logistic_divergence, mean_over_tokens)
CHANCES = SoftTarget(chance_divergence, mean_over_tokens)
NUMBERS = SoftTarget(squared_difference, _mean)


def mse(teacher: Tensor, student: Tensor) -> Tensor:
    """The squared error of each token's state, the mean over its numbers: (B, T, D) -> (B, T).

    Source: Jiao et al. 2020 (TinyBERT), eq. 8 and 9
    """
    return ops.mean(squared_difference(teacher, student), axis=-1)


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
