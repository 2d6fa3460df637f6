"""What a step measures besides its loss: the rate, and the norm of the gradient."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from playmask.runtime.train.optimizers.nesting import innermost
from playmask.runtime.train.watching.ordered_steps import OrderedSteps, Values

RATE, NORM = "learning_rate", "gradient_norm"


class StepMeasures(OrderedSteps):
    """Adds the rate and the gradient's norm to the logs of steps, inside the compiled step.

    gradient_norm: the global norm of the gradient that the optimizer updates by, before it is
    clipped; where gradients are accumulated it is that of all of them together, and stays until the
    next update. In the logs of an epoch it is the mean over its steps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm: Any = None
        self.norms: list[float] = []

    def attach(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Measure the gradients of an optimizer that is not built yet."""
        self.norm = gradient_norm_of(optimizer)

    def measure(self, network: keras.Model) -> Mapping[str, Any]:
        """The rate of the last update, and the norm of its gradient."""
        return {RATE: last_rate(network.optimizer), NORM: self.norm.value}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin another mean."""
        super().on_epoch_begin(epoch, logs)
        self.norms = []

    def end_step(self, batch: int, logs: Values) -> None:
        """Note the norm."""
        if NORM in logs:
            self.norms.append(float(logs[NORM]))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the mean in the place of the last step's norm."""
        if logs is not None and self.norms:
            logs[NORM] = float(np.mean(self.norms))


def gradient_norm_of(optimizer: Any) -> keras.Variable:
    """A variable of an optimizer that holds the global norm of its last gradient, unclipped.

    Keras clips where a gradient is whole: unscaled, and after all steps that it is accumulated
    over. The only place that touches where it does so.
    """
    optimizer = innermost(optimizer)
    norm: keras.Variable = optimizer.add_variable((), dtype="float32", name=NORM)
    clip = optimizer._clip_gradients

    def measured(gradients: Any) -> Any:
        norm.assign(global_norm(gradients))
        return clip(gradients)

    optimizer._clip_gradients = measured
    return norm


def global_norm(gradients: Any) -> Any:
    """The Euclidean norm of all gradients together: a scalar."""
    dense = [ops.cast(_dense(each), "float32") for each in gradients]
    return ops.sqrt(sum(ops.sum(ops.square(each)) for each in dense))


def _dense(gradient: Any) -> Any:
    """A gradient as a tensor: TensorFlow's of a table has a row for each time a row was read.

    The squares of those that are of one row do not add up to the square of their sum.
    """
    if keras.backend.backend() != "tensorflow":
        return gradient
    import tensorflow

    return tensorflow.convert_to_tensor(gradient)


def last_rate(optimizer: Any) -> Any:
    """The rate that an optimizer made its last update by."""
    optimizer = innermost(optimizer)
    rate = optimizer._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return ops.cast(rate(ops.maximum(optimizer.iterations - 1, 0)), "float32")
    return ops.cast(optimizer.learning_rate, "float32")
