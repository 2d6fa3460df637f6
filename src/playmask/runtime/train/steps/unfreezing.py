"""Gradual unfreezing: from the top of the stack downwards."""

from typing import Any

import keras

from playmask.errors import ConfigError
from playmask.runtime.train.averages import averages_weights
from playmask.runtime.train.hooks import OpenStep, StepHook
from playmask.runtime.train.optimizers.nesting import inner_optimizers
from playmask.runtime.train.weight_names import all_weights, levels


class GradualUnfreezing(StepHook):
    """Gradual unfreezing: at first what is above the blocks learns, then a block more each time.

    epochs, steps: after how many the next lower block joins, at last the embeddings; one of both.
    What is frozen costs no gradient; each time the step is compiled anew.
    Raises: ConfigError unless one of both is given, above 0
    Source: Howard & Ruder 2018, section 3.3

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> before = np.array(task.network.transformer.weights[0])
        >>> history = task.fit(data, epochs=1, unfreeze="epochs=1", verbose=0)
        >>> np.array_equal(before, task.network.transformer.weights[0])
        True

    """

    def __init__(self, epochs: float | None = None, steps: int | None = None) -> None:
        super().__init__()
        if (epochs is None) == (steps is None) or not (epochs or steps or 0) > 0:
            raise ConfigError(
                "unfreeze is epochs=1 or steps=200: after how many the next block joins, above 0."
            )
        self.epochs, self.steps = epochs, steps

    def begin(self, network: OpenStep) -> None:
        """Note how high each weight stands that is trained at all."""
        weights = {name: v for name, v in all_weights(network).items() if v.trainable}
        heights = levels(weights)
        self.order = [(v, heights[name]) for name, v in weights.items()]
        self.top = max(heights.values())  # where nothing stands above the blocks, the last block

    def check(self, network: OpenStep) -> None:
        """See that no optimizer averages weights while they are frozen."""
        averaging = filter(averages_weights, inner_optimizers(network.optimizer))
        if (optimizer := next(averaging, None)) is not None:
            name = type(optimizer).__name__
            raise ConfigError(
                f"unfreeze goes with ema=0.999, not with {name}, which averages the weights "
                "itself, frozen ones too; take one of both."
            )

    def on_train_begin(self, logs: Any = None) -> None:
        """Let the optimizer know all weights before some are frozen."""
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        self.lowest: int | None = None
        self.interval = self.steps or max(1, round((self.epochs or 0) * self.params["steps"]))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note how many steps there were; a resumed training begins here."""
        self.before = epoch * self.params["steps"]

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Let the next block join, where it is time."""
        lowest = max(0, self.top - (self.before + batch) // self.interval)
        if lowest != self.lowest:
            self.lowest = lowest
            self._thaw(lowest)

    def _thaw(self, lowest: int) -> None:
        network = self.model
        if keras.backend.backend() == "jax":
            network.jax_state_sync()
        changed = False
        for variable, height in self.order:
            trainable = height >= lowest
            changed = changed or variable.trainable != trainable
            variable.trainable = trainable
        if changed:
            network.make_train_function(force=True)
