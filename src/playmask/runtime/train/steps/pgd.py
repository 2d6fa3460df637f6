"""Adversarial training: projected gradient descent on embeddings (PGD)."""

from typing import Any, ClassVar

from playmask.runtime.train.hooks import Step, StepHook
from playmask.runtime.train.moves import above_zero, along, at_least_one, within


class ProjectedGradientDescent(StepHook):
    """Adversarial training by projected gradient descent (PGD), as a hook of `fit`.

    Adds the loss on embeddings that moved some steps along their gradients, each text by its own,
    and were drawn back to the length epsilon after each. One step is FGM's.
    rate: the length of a step, default 2.5 · epsilon / steps
    Units:  epsilon, the length of a text's move at most
    Raises: ConfigError for a length that is not above 0, and for no steps
    Source: Madry et al. 2018, §2.1; the rate is that of its §A

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> history = task.fit(data, epochs=1, adversarial="pgd:0.5,steps=3", verbose=0)
        >>> history["loss"][0] > 1  # the same as callbacks=[ProjectedGradientDescent(0.5, 3)]
        True

    """

    differentiates: ClassVar[bool] = True

    def __init__(self, epsilon: float = 1.0, steps: int = 3, rate: float | None = None) -> None:
        super().__init__()
        self.epsilon = above_zero("epsilon, the length of a move,", epsilon)
        self.steps = at_least_one("steps", steps)
        self.rate = 2.5 * epsilon / steps if rate is None else above_zero("rate", rate)

    def add_loss(self, step: Step) -> Any:
        """The loss of the batch after its last step."""
        move = within(along(step.gradient_of_embeddings(), self.rate), self.epsilon)
        for _ in range(1, self.steps):
            further = along(step.gradient_of_embeddings(at=move), self.rate)
            move = within(move + further, self.epsilon)
        return step.loss_of(step.forward(extra=move))
