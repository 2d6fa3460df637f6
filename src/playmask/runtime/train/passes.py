"""Further passes of a training step: with the same dropout, with other weights, for gradients."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
from keras import ops

from playmask.runtime.compiled import for_backend

Values = Iterable[tuple[keras.Variable, Any]]
"""Variables, and the values that stand in their place."""

SEEDS = "seed_generator_state"  # what Keras calls the state of its random generators


def draws_of(
    network: keras.Model, values: Sequence[Any] | None = None
) -> list[tuple[keras.Variable, Any]]:
    """The seeds that dropout draws from next: their variables and copies of their values.

    values: of all variables that do not learn, where they stand elsewhere, as on JAX
    """
    variables = network.non_trainable_variables
    if values is None:
        return [(v, ops.copy(v.value)) for v in variables if v.name == SEEDS]
    return [(v, value) for v, value in zip(variables, values, strict=True) if v.name == SEEDS]


@contextmanager
def in_place(network: keras.Model, values: Values = (), *, onward: bool = False) -> Iterator[None]:
    """Passes with some values in the variables' place; what the passes write is dropped.

    On JAX a value of an inner differentiation may not leave it, so it stays inside there.
    onward: dropout goes on where the passes ended, instead of repeating itself in the next
    """
    mapping = [*values]
    if keras.backend.backend() == "jax":  # it reads all of them from the innermost scope
        mapping = [*((v, v.value) for v in network.variables), *mapping]
    with keras.StatelessScope(state_mapping=mapping) as scope:
        yield
    if onward:
        for seed, _ in draws_of(network):
            drawn = scope.get_current_value(seed)
            if drawn is not None:
                seed.assign(drawn)


class Gradients(NamedTuple):
    """What one differentiation of a step's loss gives, no gradient flows through any of it.

    embeddings: of the sum of each token's embeddings (B, T, E); weights: of each trainable weight,
    None where nothing depends on it; outputs: what the differentiated pass answered
    """

    embeddings: Any
    weights: Sequence[tuple[keras.Variable, Any | None]]
    outputs: Any


Answer = Callable[[Any, Values], tuple[Any, Any]]
"""From an addition to the embeddings, and other weights, to the loss and the outputs: a pass."""


def differentiated(
    network: keras.Model, answer: Answer, probe: Any, first: tuple[Any, Any]
) -> tuple[Any, Gradients]:
    """Differentiate a step's loss at once, and put its tangent in its place.

    The tangent has the loss' value and gradient, and costs nothing to differentiate again: so what
    needs the gradients before the update pays no second backward pass for them.
    answer: repeats the first pass; probe: zeros that the first pass has added to its embeddings,
    where this backend can differentiate by them; first: the loss and outputs of that pass
    """
    weights = network.trainable_variables
    loss, embeddings, slopes, outputs = for_backend(_BACKENDS)(weights, answer, probe, first)
    pairs = list(zip(weights, slopes, strict=True))
    tangent = ops.stop_gradient(loss) + sum(
        ops.sum(slope * (weight.value - ops.stop_gradient(weight.value)))
        for weight, slope in pairs
        if slope is not None
    )
    return tangent, Gradients(embeddings, pairs, outputs)


def _jax(weights: Any, answer: Any, probe: Any, first: Any) -> Any:
    """By a pass of its own, since nothing can be differentiated by what is computed already.

    The first one then computes nothing that is used, and XLA leaves it out.
    """
    import jax

    def run(extra: Any, values: Any) -> Any:
        return answer(extra, zip(weights, values, strict=True))

    both = jax.value_and_grad(run, (0, 1), has_aux=True)
    (loss, outputs), (embeddings, slopes) = both(probe, [weight.value for weight in weights])
    stopped = jax.lax.stop_gradient((embeddings, slopes))
    return loss, *stopped, outputs


def _tensorflow(weights: Any, answer: Any, probe: Any, first: Any) -> Any:
    import tensorflow

    loss, outputs = first
    leaves = [probe, *(weight.value for weight in weights)]
    slopes = tensorflow.gradients(loss, leaves)
    # Of a table, TensorFlow gives rows one by one, the same one several times: no norm is theirs.
    whole = [g if g is None else tensorflow.convert_to_tensor(g) for g in slopes]
    embeddings, *slopes = [g if g is None else tensorflow.stop_gradient(g) for g in whole]
    return loss, embeddings, slopes, outputs


def _torch(weights: Any, answer: Any, probe: Any, first: Any) -> Any:
    import torch

    loss, outputs = first
    leaves = [probe, *(weight.value for weight in weights)]
    embeddings, *slopes = torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True)
    return loss, embeddings, slopes, outputs


_BACKENDS = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}


def zeros_to_differentiate_by(shape: Sequence[Any]) -> Any:
    """Zeros that what follows can be differentiated by."""
    zeros = ops.zeros(shape)
    return zeros.requires_grad_() if keras.backend.backend() == "torch" else zeros
