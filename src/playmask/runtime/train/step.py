"""What hooks see of a training step: its batch, further passes, gradients, divergences."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import keras
from keras import ops

from playmask.model.transformer import Transformer
from playmask.runtime.gradients import with_differentiable_gradient, with_gradient
from playmask.runtime.train.passes import Gradients, Values, draws_of, in_place

Tensors = dict[str, Any]

UNLABELLED, NUMBER = "unlabelled_", "example"
"""Inputs that are the hooks' alone: a batch of texts without labels, and each example's number."""


def of_hooks(name: str) -> bool:
    """Whether an input is the hooks' alone, which the network does not get."""
    return name == NUMBER or name.startswith(UNLABELLED)


def texts_in(inputs: Mapping[str, Any]) -> Tensors | None:
    """The inputs of a batch's texts without labels, by the network's own names; None: no texts."""
    length = len(UNLABELLED)
    return {name[length:]: x for name, x in inputs.items() if name.startswith(UNLABELLED)} or None


class Diverging(Protocol):
    """How far two outputs of a task are apart, see `labelling.divergences`."""

    def softened(self, p: Any, q: Any, valid: Any, temperature: float) -> Any:
        """Nats of each text (B,), or of each of its tokens (B, T), at a temperature."""

    def distribution(self, scores: Any) -> Any:
        """The probabilities that scores stand for, or numbers as they are."""


class Learnt(NamedTuple):
    """By what an output is learnt: its loss, how much it counts, how two of it diverge."""

    loss: keras.losses.Loss
    weight: float
    divergence: Diverging | None


class Stepping(Protocol):
    """The network whose step it is."""

    transformer: Transformer
    learnt: Mapping[str, Learnt]

    @property
    def variables(self) -> Sequence[Any]:
        """All that is in its state."""

    def __call__(self, inputs: Tensors, *, training: bool) -> Any:
        """Run it."""

    def task_loss(self, targets: Any, outputs: Tensors, weights: Any) -> Any:
        """The losses of outputs: a scalar."""

    def embedding_shape(self, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
        """The shape of the embeddings of some inputs: (B, T, E)."""


class Step(NamedTuple):
    """What a hook sees of a training step, where gradients are taken.

    inputs, targets, weights: of the batch; outputs: what the network has answered; loss: a scalar;
    states: hidden states of that pass by stack, where a hook has its Transformer record them;
    draws: the seeds of dropout before it; gradients: of the loss, for hooks that `differentiates`
    numbers: int (B,), the number of each example, for hooks that `numbers`; unlabelled: the inputs
    of texts without labels, where there are some
    """

    network: Stepping
    inputs: Tensors
    targets: Any
    weights: Any
    outputs: Tensors
    loss: Any
    states: tuple[tuple[Any, ...], ...] = ()
    draws: Sequence[tuple[keras.Variable, Any]] = ()
    gradients: Gradients | None = None
    numbers: Any = None
    unlabelled: Tensors | None = None

    def forward(self, **changes: Any) -> Tensors:
        """A further pass through the network, with some inputs changed; dropout draws anew."""
        outputs: Tensors = self.network({**self.inputs, **changes}, training=True)
        return outputs

    def loss_of(self, outputs: Tensors) -> Any:
        """The loss of the task for some outputs: a scalar."""
        return self.network.task_loss(self.targets, outputs, self.weights)

    def loss_with(self, values: Values) -> Any:
        """The loss of a further pass in which some weights have other values."""
        with in_place(self.network, values, onward=True):
            return self.loss_of(self.forward())

    def gradient_of_embeddings(
        self, loss: Callable[[Tensors], Any] | None = None, at: Any = None
    ) -> Any:
        """The gradient with respect to each token's embedding: (B, T, E).

        Taken by a pass with the same dropout, unless `gradients` has it; none flows through it.
        loss: of outputs, default the task's; at: what is added to the embeddings, default nothing
        """
        if loss is None and at is None and self.gradients is not None:
            return self.gradients.embeddings
        _, gradient = with_gradient(self._repeated(loss or self.loss_of))(
            self.zero_embeddings() if at is None else at
        )
        return ops.stop_gradient(gradient)

    def gradients_of_weights(self, weights: Sequence[keras.Variable]) -> list[Any]:
        """The gradients of the loss with respect to some weights, through which none flows.

        Zeros where nothing depends on a weight.
        """
        if self.gradients is None:

            def run(values: Any) -> Any:
                replaced = zip(weights, values, strict=True)
                with in_place(self.network, [*self.draws, *replaced]):
                    return self.loss_of(self.forward())

            _, slopes = with_gradient(run)([ops.copy(weight.value) for weight in weights])
            return [ops.stop_gradient(slope) for slope in slopes]
        known = {weight.path: slope for weight, slope in self.gradients.weights}
        slopes = [known[weight.path] for weight in weights]
        return [
            ops.zeros(w.shape) if g is None else g for w, g in zip(weights, slopes, strict=True)
        ]

    def differentiable_gradient_of_embeddings(self) -> Any:
        """The gradient of the loss with respect to embeddings, through which gradients flow."""
        run = with_differentiable_gradient(self._repeated(self.loss_of))
        return run(self.zero_embeddings())[1]

    def _repeated(self, loss: Callable[[Tensors], Any]) -> Callable[[Any], Any]:
        """A loss by what is added to the embeddings, in a pass that repeats the step's own."""

        def run(extra: Any) -> Any:
            with in_place(self.network, self.draws):
                return loss(self.forward(extra=extra))

        return run

    def divergence(self, p: Tensors, q: Tensors, temperature: float = 1.0) -> Any:
        """KL(p ‖ q) of two outputs in nats: the mean by the batch's weights, the losses' weights.

        Of numbers the squared difference; temperature: by which logits are divided
        """
        valid, total = self.network.transformer.valid(self.inputs), 0.0
        for name, learnt in self.network.learnt.items():
            assert learnt.divergence is not None  # `OpenStep.check` has seen to it
            each = learnt.divergence.softened(p[name], q[name], valid, temperature)
            total = total + learnt.weight * weighted_mean(each, self.weights_of(name))
        return total

    def symmetric_divergence(self, p: Tensors, q: Tensors) -> Any:
        """The mean of KL(p ‖ q) and KL(q ‖ p)."""
        return (self.divergence(p, q) + self.divergence(q, p)) / 2

    def weights_of(self, name: str) -> Any:
        """The weights of an output: of texts (B,), of tokens (B, T), or None."""
        return self.weights.get(name) if isinstance(self.weights, dict) else self.weights

    @property
    def text_weights(self) -> Any:
        """The weight of each text, (B,); those of its tokens are added up."""
        weights = self.weights
        if isinstance(weights, dict):
            weights = next(iter(weights.values()))
        return weights if len(weights.shape) == 1 else ops.sum(weights, axis=-1)

    def zero_embeddings(self) -> Any:
        """What changes no embedding, as the input `extra`: zeros (B, T, E)."""
        return ops.zeros(self.network.embedding_shape(self.inputs))

    def parts(self) -> Iterator["Step"]:
        """The step itself, then that of its texts without labels, if it has some."""
        yield self
        if self.unlabelled is not None:
            draws = draws_of(self.network)
            outputs = self.network(self.unlabelled, training=True)
            inputs, none = self.unlabelled, (None, None)
            yield Step(self.network, inputs, *none, outputs, None, (), draws)


def weighted_mean(values: Any, weights: Any) -> Any:
    """The mean of values (B, …) by weights that stand for texts (B,), or for each value; a scalar.

    What has the weight 0 counts nowhere, not even where it is no number.
    """
    if weights is None:
        return ops.mean(values)
    weights = ops.cast(weights, values.dtype)
    while len(weights.shape) < len(values.shape):
        weights = ops.expand_dims(weights, -1)
    weights = ops.broadcast_to(weights, ops.shape(values))
    values = ops.where(weights > 0, values, 0.0)
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1e-9)


def share_of(weights: Any) -> Any:
    """The sum of a batch's weights, the mean over outputs where each has its own.

    It is the part of a larger batch that a batch is, see `accumulation.py`.
    """
    sums = [ops.sum(array) for array in keras.tree.flatten(weights)]
    return sum(sums) / len(sums)
