"""A queue of vectors of earlier texts, made by a slowly moving copy of the encoder (ESimCSE)."""

from typing import Any

import keras
import numpy as np
from keras import ops

from playmask.errors import ConfigError
from playmask.labelling.candidates import HIDDEN
from playmask.runtime.host_copies import whole_array
from playmask.runtime.train.hooks import OpenStep, Step, StepHook
from playmask.tasks.similarity.vector_layers import unit_length
from playmask.tasks.similarity.vector_losses import TEXT, Contrast


class MomentumQueue(StepHook):
    """More negatives than a batch has: the vectors of earlier texts, by momentum contrast.

    A copy of the encoder, θ' ← momentum · θ' + (1 - momentum) · θ after each step, makes the
    vectors of each batch's texts, without dropout; the last so many of them are compared with the
    texts of the next batches. It adds ln(1 + Σ_queue e^s / Σ_batch e^s) to the loss of a text,
    which then is that over batch and queue together.

    length: texts in the queue; sizes: cut vectors that learn too
    Raises: ConfigError for a length that is not above 0
    Source: Wu et al. 2021 (ESimCSE), eq. 5; He et al. 2020 (MoCo)
    """

    def __init__(
        self, contrast: Contrast, length: int, momentum: float, sizes: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        if length < 1:
            raise ConfigError(f"The queue holds vectors of 1 text at least, not {length}.")
        self.contrast, self.length, self.momentum = contrast, length, momentum
        self.sizes = sizes
        self.copies: list[tuple[Any, Any]] = []

    def begin(self, network: OpenStep) -> None:
        """Copy the weights, and begin an empty queue."""
        add = network.hook_variables.add
        self.copies = [
            (variable, add(f"momentum_{number}", whole_array(variable.value)))
            for number, variable in enumerate(network.trainable_variables)
        ]
        size: Any = network.size
        self.queue = add("queue", np.zeros((self.length, size), "float32"))
        self.filled = add("filled", np.zeros(self.length, "float32"))

    def add_loss(self, step: Step) -> Any:
        """What the queue adds to the loss of the batch; then the batch's texts join the queue."""
        table, weights = step.targets["vectors"], step.weights["vectors"]
        vectors = step.outputs["vectors"]
        queue, filled = (ops.copy(held.value) for held in (self.queue, self.filled))
        added = self.extra(table, vectors, queue, filled)
        for size in self.sizes:
            added = added + self.extra(table, vectors[:, :size], queue[:, :size], filled)
        self._push(step, table, queue, filled)
        weights = ops.cast(weights, added.dtype)
        return ops.sum(added * weights) / ops.maximum(ops.sum(weights), 1e-9)

    def extra(self, table: Any, vectors: Any, queue: Any, filled: Any) -> Any:
        """What the queue adds to each sentence's loss, in nats.

        Shapes: `TARGETS` (B, 4), vectors (B, D), queue (Q, D), filled (Q,), 1 or 0 -> (B,)
        """
        _, logits = self.contrast.logits(table, vectors)
        cosines = ops.matmul(unit_length(vectors), ops.transpose(unit_length(queue)))
        earlier = ops.where(filled[None] > 0, self.contrast.scale * cosines, HIDDEN)
        return ops.softplus(ops.logsumexp(earlier, axis=1) - ops.logsumexp(logits, axis=1))

    def _push(self, step: Step, table: Any, queue: Any, filled: Any) -> None:
        """Put the vectors that the copy makes of the batch's texts before those in the queue."""
        count = ops.shape(table)[0] // 2  # the first half are texts, the second their other copies
        inputs = {name: values[:count] for name, values in step.inputs.items()}
        copies = {id(variable): copy.value for variable, copy in self.copies}
        # All variables: on JAX a scope inside another one sees the outer one's values no more.
        every = step.network.variables
        mapping = [(each, copies.get(id(each), each.value)) for each in every]
        with keras.StatelessScope(state_mapping=mapping):
            vectors = step.network(inputs, training=False)["vectors"]
        vectors = ops.stop_gradient(ops.cast(vectors, "float32"))
        there = ops.cast(ops.equal(ops.cast(table[:count, 2], "int32"), TEXT), "float32")
        self.queue.assign(ops.concatenate([vectors, queue])[: self.length])
        self.filled.assign(ops.concatenate([there, filled])[: self.length])

    def after_update(self, network: keras.Model) -> None:
        """Move the copy a little towards the weights."""
        for variable, copy in self.copies:
            old, new = ops.cast(copy.value, variable.dtype), variable.value
            copy.assign(self.momentum * old + (1 - self.momentum) * new)
