"""A forward pass, or one with its gradients, as one compiled program of JAX: time and memory."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

import jax
import keras
import numpy as np

Loss = Callable[[Any], Any]  # of what a model gives: a number


class Program(NamedTuple):
    """run: once, to its end; temporary: bytes that it holds besides weights, inputs and results."""

    run: Callable[[], Any]
    temporary: int


def program(
    model: keras.Model, inputs: dict[str, np.ndarray], loss: Loss, *, gradients: bool
) -> Program:
    """Compile the loss of a model, or the loss and the gradients of all weights."""
    weights = [each.value for each in model.trainable_variables]
    others = [each.value for each in model.non_trainable_variables]
    device = {name: jax.device_put(each) for name, each in inputs.items()}

    def objective(weights: Any, others: Any, inputs: Any) -> Any:
        outputs, _ = model.stateless_call(weights, others, inputs, training=gradients)
        return loss(outputs)

    function = jax.value_and_grad(objective) if gradients else objective
    compiled = jax.jit(function).lower(weights, others, device).compile()
    return Program(
        lambda: jax.block_until_ready(compiled(weights, others, device)),
        int(compiled.memory_analysis().temp_size_in_bytes),
    )


def in_turns(programs: Sequence[Program], rounds: int) -> list[list[float]]:
    """The processor seconds of each program, round after round, the first of which does not count.

    Programs take turns, so that what else a machine does meets all alike.
    """
    seconds: list[list[float]] = [[] for _ in programs]
    for number in range(rounds + 1):
        for own, each in zip(seconds, programs, strict=True):
            began = time.process_time()
            each.run()
            if number:
                own.append(time.process_time() - began)
    return seconds


def ratios(own: Sequence[float], others: Sequence[float]) -> tuple[float, float, float]:
    """The median of the rounds' ratios, the least and the greatest."""
    each = [one / other for one, other in zip(own, others, strict=True)]
    return median(each), min(each), max(each)


def slope(values: Sequence[float], measured: Sequence[float]) -> float:
    """The exponent p of measured ~ value ** p, by least squares of the logarithms."""
    return float(np.polyfit(np.log(values), np.log(measured), 1)[0])
