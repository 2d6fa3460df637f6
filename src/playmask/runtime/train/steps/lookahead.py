"""Lookahead around any optimizer."""

from typing import Any

from keras import ops

from playmask.errors import ConfigError
from playmask.runtime.train.hooks import OpenStep, StepHook
from playmask.runtime.train.steps.updates import Updates, copies, value_of


class Lookahead(StepHook):
    """Lookahead: after every k updates φ += α (θ - φ), and the weights θ go on from φ.

    k: updates by the optimizer, whichever it is; alpha: the part of their way that is kept
    Raises: ConfigError for numbers that cannot be
    Source: Zhang et al. 2019, algorithm 1; Su 2019 (kexue 6869)

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> history = task.fit(data, epochs=1, lookahead="5,alpha=0.5", verbose=0)
        >>> task.training.lookahead
        '5,alpha=0.5'

    """

    def __init__(self, k: int = 5, alpha: float = 0.5) -> None:
        super().__init__()
        if k < 1:
            raise ConfigError(f"lookahead: k is a number of updates from 1, not {k!r}.")
        if not 0 < alpha <= 1:
            raise ConfigError(f"lookahead: alpha is above 0, at most 1, not {alpha!r}.")
        self.k, self.alpha = k, alpha

    def begin(self, network: OpenStep) -> None:
        """The slow weights are the weights."""
        self._updates = Updates(network, "lookahead")
        self.pairs = copies(network, "slow")

    def after_update(self, network: OpenStep) -> None:
        """Go back to the slow weights, where it is time."""
        count, updated = self._updates.count(network)
        back: Any = ops.logical_and(updated, ops.equal(count % self.k, 0))
        part = ops.where(back, self.alpha, 0.0)
        for weight, slow in self.pairs:
            fast = value_of(weight)
            new = slow.value + part * (fast - slow.value)
            slow.assign(new)
            weight.assign(ops.cast(ops.where(back, new, fast), weight.dtype))
