"""Gradient penalty: the loss is to change little where embeddings do."""

from typing import Any, ClassVar

from keras import ops

from playmask.errors import ConfigError
from playmask.runtime.train.hooks import OpenStep, Step, StepHook
from playmask.runtime.train.moves import above_zero


class GradientPenalty(StepHook):
    """Gradient penalty on embeddings, as a hook of `fit`: adds ½ · epsilon · ‖∂L/∂E‖².

    L is the mean loss of the batch and E the embeddings of all its tokens, so the penalty, too,
    becomes smaller with larger batches.
    Units:  epsilon, of a squared gradient
    Raises: ConfigError for an epsilon that is not above 0
    Source: Su 2020 (kexue 7234), eq. 8, whose program has the same sum over the batch's tokens

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> sorted(task.fit(data, epochs=1, callbacks=[GradientPenalty(1.0)], verbose=0))
        ['accuracy', 'loss']

    """

    replays: ClassVar[bool] = True

    def __init__(self, epsilon: float = 1.0) -> None:
        super().__init__()
        self.epsilon = above_zero("epsilon", epsilon)

    def check(self, network: OpenStep) -> None:
        """Refuse parts of a batch: the size of a gradient is that of a whole batch's mean loss."""
        if network.accumulates:
            raise ConfigError("The gradient penalty is of a whole batch; leave accumulate out.")

    def add_loss(self, step: Step) -> Any:
        """The penalty."""
        gradient = step.differentiable_gradient_of_embeddings()
        return self.epsilon / 2 * ops.sum(ops.square(gradient))
