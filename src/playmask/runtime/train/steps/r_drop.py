"""R-Drop: two passes, whose dropout differs, are to answer the same."""

from typing import Any, ClassVar

from playmask.runtime.train.hooks import Step, StepHook
from playmask.runtime.train.moves import above_zero


class RDrop(StepHook):
    """R-Drop, as a hook of `fit`; texts without labels teach it too.

    Adds the loss of a second pass, and alpha · ½ · [KL(p₁ ‖ p₂) + KL(p₂ ‖ p₁)], which texts
    without labels have alone. (Su's program takes half of all that: the mean of both losses, and
    alpha / 4 of the sum.)
    Units:  nats
    Raises: ConfigError for an alpha that is not above 0, and for a task of whose outputs nothing
            says how they diverge
    Source: Liang et al. 2021, eq. 3 and 4; Su 2021 (kexue 8496)

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data, hooks = [("味道不错", "good"), ("太失望", "bad")] * 4, [RDrop(4.0)]
        >>> task.fit(data, epochs=1, callbacks=hooks, verbose=0)["loss"][0] > 1
        True

    """

    compares: ClassVar[bool] = True
    takes_unlabelled: ClassVar[bool] = True

    def __init__(self, alpha: float = 4.0) -> None:
        super().__init__()
        self.alpha = above_zero("alpha", alpha)

    def add_loss(self, step: Step) -> Any:
        """The second loss and the divergences."""
        total = 0.0
        for part in step.parts():
            second = part.forward()
            total = total + self.alpha * part.symmetric_divergence(part.outputs, second)
            total = total if part.loss is None else total + part.loss_of(second)
        return total
