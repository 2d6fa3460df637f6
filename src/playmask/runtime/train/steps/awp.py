"""Adversarial weight perturbation (AWP): the loss where weights are at their worst nearby."""

import re
from typing import Any, ClassVar

from playmask.errors import ConfigError
from playmask.runtime.train.hooks import OpenStep, Step, StepHook
from playmask.runtime.train.moves import above_zero, along, length


class WeightPerturbation(StepHook):
    """Adversarial weight perturbation (AWP), as a hook of `fit`.

    Adds the loss with each matrix W moved by gamma · ‖W‖ along its gradient; the weights
    themselves stay where they are, and both losses' gradients update them.
    weights: a pattern in the paths of those that move, default all of two axes or more
    Units:  gamma, a part of each matrix' norm
    Raises: ConfigError for a gamma that is not above 0, and where no weight moves
    Source: Wu et al. 2020, eq. 7 and 8 with one step, which learn by the second loss alone

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data, hooks = [("味道不错", "good"), ("太失望", "bad")] * 4, [WeightPerturbation(0.01)]
        >>> task.fit(data, epochs=1, callbacks=hooks, verbose=0)["loss"][0] > 1
        True

    """

    differentiates: ClassVar[bool] = True

    def __init__(self, gamma: float = 0.01, weights: str = "") -> None:
        super().__init__()
        self.gamma = above_zero("gamma, a part of a matrix' norm,", gamma)
        self.weights = weights
        try:
            self.pattern = re.compile(weights)
        except re.error as error:
            raise ConfigError(f"{weights!r:.60} is no pattern of weights: {error}.") from None

    def check(self, network: OpenStep) -> None:
        """Some weights move."""
        if not self._moving(network):
            raise ConfigError(f"No matrix that learns has {self.weights!r:.60} in its path.")

    def _moving(self, network: Any) -> list[Any]:
        matrices = (v for v in network.trainable_variables if len(v.shape) > 1)
        return [v for v in matrices if self.pattern.search(v.path)]

    def add_loss(self, step: Step) -> Any:
        """The loss of the batch where the weights moved."""
        weights = self._moving(step.network)
        slopes = step.gradients_of_weights(weights)
        return step.loss_with(
            [
                (w, w.value + along(slope, self.gamma * length(w.value, None), None))
                for w, slope in zip(weights, slopes, strict=True)
            ]
        )
