"""Adversarial training: the fast gradient method on embeddings (FGM)."""

from typing import Any

from keras import ops

from playmask.errors import ConfigError
from playmask.runtime.train.hooks import Step, StepHook


class FastGradientMethod(StepHook):
    """Adversarial training by the fast gradient method (FGM), as a hook of `fit`.

    Adds the loss on embeddings moved by epsilon along their gradient, each text by its own.
    Units:  epsilon, the length of a text's move
    Raises: ConfigError for an epsilon that is not above 0
    Source: Miyato et al. 2017, eq. 5; Su 2020 (kexue 7234)

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data, hooks = [("味道不错", "good"), ("太失望", "bad")] * 4, [FastGradientMethod()]
        >>> history = task.fit(data, epochs=1, callbacks=hooks, verbose=0)
        >>> history["loss"][0] > 1  # of two classes, without it about ln 2
        True

    """

    def __init__(self, epsilon: float = 1.0) -> None:
        super().__init__()
        if not epsilon > 0:
            raise ConfigError(f"epsilon is the length of a move, above 0, not {epsilon!r}.")
        self.epsilon = epsilon

    def add_loss(self, step: Step) -> Any:
        """The loss of the moved batch."""
        gradient = step.gradient_of_embeddings()
        length = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2), keepdims=True))
        move = self.epsilon * gradient / ops.maximum(length, 1e-12)
        return step.loss_of(step.forward(extra=move))
