"""Gradient accumulation: several batches to an update, as if they were one large batch."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from playmask.errors import ConfigError
from playmask.runtime.batches import Batches
from playmask.runtime.padding import Batch
from playmask.runtime.train.hooks import OpenStep
from playmask.runtime.train.options import TrainingOptions


class Grouping(NamedTuple):
    """Which batches of an epoch make an update: so many to each group, the last may have fewer."""

    batches: int
    size: int = 1

    @property
    def updates(self) -> int:
        """How many updates an epoch has."""
        return -(-self.batches // self.size)

    def updates_of(self, options: TrainingOptions) -> int:
        """How many updates a whole training makes."""
        updates = options.epochs * self.updates
        return min(updates, options.max_steps or updates)

    def ends(self, batch: int) -> bool:
        """Whether the batch with this index is the last one of its group."""
        return (batch + 1) % self.size == 0 or batch + 1 == self.batches

    def group(self, batch: int) -> range:
        """The indices of the batches in the group of one."""
        first = batch - batch % self.size
        return range(first, min(first + self.size, self.batches))

    def updates_until(self, epoch: int, batch: int) -> int:
        """How many updates there have been when so many batches of an epoch are done."""
        return epoch * self.updates + -(-batch // self.size)


class GroupedBatches(keras.utils.PyDataset):
    """Batches whose weights sum, in the mean over the batches of a group, to 1 for each output.

    A mean loss times this sum is then what a batch adds to the mean over its whole group, times
    the number of batches, which gradients and losses are averaged over.
    """

    def __init__(self, batches: Batches, size: int) -> None:
        super().__init__()
        self.batches, self.grouping = batches, Grouping(len(batches), size)
        self._held: tuple[Any, list[Batch]] = (None, [])

    def __len__(self) -> int:
        return len(self.batches)

    def on_epoch_end(self) -> None:
        """Go on to the next order."""
        self.batches.on_epoch_end()

    def length_of(self, index: int) -> int:
        """The length of a batch of this epoch."""
        return self.batches.length_of(index)

    def first_of_lengths(self, start: int = 0) -> list[int]:
        """As of the batches themselves."""
        return self.batches.first_of_lengths(start)

    def __getitem__(self, index: int) -> Batch:
        group = self.grouping.group(index)
        key = (self.batches.epoch, group)
        if self._held[0] != key:
            self._held = key, weighed([self.batches[i] for i in group])
        return self._held[1][index - group.start]


def weighed(batches: list[Batch]) -> list[Batch]:
    """Batches of one group, their weights divided by the mean over them of what they sum to."""
    totals: list[dict[Any, float]] = [
        {name: float(np.sum(array)) for name, array in _by_output(weights).items()}
        for _, _, weights in batches
    ]
    means = {name: sum(total[name] for total in totals) / len(batches) for name in totals[0]}

    def scaled(name: Any, array: Any) -> Any:
        return np.asarray(array, "float32") / np.float32(means[name] or 1.0)

    return [
        (
            inputs,
            targets,
            {name: scaled(name, array) for name, array in weights.items()}
            if isinstance(weights, Mapping)
            else scaled(None, weights),
        )
        for inputs, targets, weights in batches
    ]


def _by_output(weights: Any) -> Mapping[Any, Any]:
    return weights if isinstance(weights, Mapping) else {None: weights}


def check_accumulates(network: keras.Model) -> None:
    """See that the losses of a compiled network can be taken batch by batch.

    Raises: ConfigError where they compare the texts of a batch, or are no means by weights
    """
    if not isinstance(network, OpenStep):
        raise ConfigError(
            f"accumulate joins the steps of a TaskNetwork; this network is a "
            f"{type(network).__name__}, whose steps are Keras' own."
        )
    for loss in network.loss.values():
        if getattr(loss, "in_batch", False):
            raise ConfigError(
                f"accumulate cannot stand for a larger batch here: the loss {loss.name!r} compares "
                "each text with the others of its batch. Give a larger batch_size, with "
                "rematerialize=True or another precision where memory is short."
            )
        if loss.reduction != "mean_with_sample_weight":
            raise ConfigError(
                f"accumulate needs losses that are means by weights (reduction "
                f"'mean_with_sample_weight'); {loss.name!r} has {loss.reduction!r}."
            )


class Accumulating(keras.optimizers.Optimizer):
    """Averages the gradients of a group of batches; another optimizer updates by the average.

    Rates, averages and counts of the other one count updates. (Keras' own accumulation averages
    over a fixed number of batches, takes a rate for each batch, and leaves an epoch's last group
    to the next epoch.)
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer, grouping: Grouping) -> None:
        super().__init__(learning_rate=0.0, name="accumulating")
        self.inner_optimizer, self.grouping = optimizer, grouping

    def build(self, variables: list[Any]) -> None:
        """Create the sums of gradients, and the other optimizer's variables."""
        if self.built:
            return
        self.inner_optimizer.build(variables)
        super().build(variables)
        self.sums = tuple(
            self.add_variable_from_reference(variable, name="sum") for variable in variables
        )

    @property
    def variables(self) -> list[Any]:
        """Those of both."""
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> Any:
        """How many updates there were."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """That of the update."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        self.inner_optimizer.learning_rate = rate

    @property
    def updated(self) -> Any:
        """Whether the last batch ended its group: a bool tensor."""
        return ops.equal((self._iterations % self.grouping.batches) % self.grouping.size, 0)

    def scale_loss(self, loss: Any) -> Any:
        """As the other optimizer does."""
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list: Any) -> None:
        """As the other optimizer does."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def stateless_apply(
        self, optimizer_variables: Any, grads: Any, trainable_variables: Any
    ) -> tuple[Any, Any]:
        """On JAX: add gradients; at a group's end the weights, and the other's state, change."""
        own = len(self._variables)
        inner = list(optimizer_variables[own:])
        mapping = list(zip(self._variables, optimizer_variables[:own], strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            sums = [total.value + grad for total, grad in zip(self.sums, grads, strict=True)]
            count = self._count(sums)
            self._iterations.assign_add(1)
            ends = self.updated

            def update() -> Any:
                means = [total / count for total in sums]
                after = self.inner_optimizer.stateless_apply(inner, means, trainable_variables)
                return [*after, [ops.zeros_like(total) for total in sums]]

            def wait() -> Any:
                return [list(trainable_variables), inner, sums]

            weights, inner, sums = ops.cond(ends, update, wait)
            for variable, value in zip(self.sums, sums, strict=True):
                variable.assign(value)
        return weights, [*(scope.get_current_value(v) for v in self._variables), *inner]

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Elsewhere: the same, in place; weights without a gradient stay so."""
        self.build(trainable_variables)
        grads = [None if grad is None else ops.convert_to_tensor(grad) for grad in grads]
        for total, grad in zip(self.sums, grads, strict=True):
            if grad is not None:
                total.assign_add(grad)
        count = self._count(self.sums)
        self._iterations.assign_add(1)

        def update() -> None:
            means = [
                None if grad is None else total.value / count
                for total, grad in zip(self.sums, grads, strict=True)
            ]
            self.inner_optimizer.apply(means, trainable_variables)
            for total in self.sums:
                total.assign(ops.zeros(total.shape, total.dtype))

        ops.cond(self.updated, update, lambda: None)

    def _count(self, sums: Any) -> Any:
        """How many batches of the group there are with this one, as a float."""
        place = (self._iterations % self.grouping.batches) % self.grouping.size
        return ops.cast(place + 1, sums[0].dtype)
