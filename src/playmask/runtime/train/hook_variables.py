"""What hooks remember from step to step, and what of other models takes part in a training."""

from collections.abc import Sequence
from typing import Any

import keras


class HookVariables(keras.layers.Layer):
    """What hooks remember from step to step: in a step's state and in back-ups, but no weights.

    Keras locks what a built model holds, so the variables stand in a list that it does not track.
    """

    def __init__(self) -> None:
        super().__init__(name="hooks")
        self.built = True  # or Keras runs the network symbolically in each epoch, to build it
        self.store = _Store()

    @property
    def variables(self) -> list[Any]:
        """Those of the training that runs, and those of other models that take part in it."""
        return [*self.store.variables, *self.store.lent]

    @property
    def lent(self) -> list[Any]:
        """Those of other models, which do not learn: no back-up holds them."""
        return [*self.store.lent]

    def clear(self) -> None:
        """Forget those of the training before."""
        self.store = _Store()

    def lend(self, variables: Sequence[Any]) -> None:
        """Let another model's variables, none of which is trainable, be in the steps' state."""
        self.store.lent += variables

    @property
    def weights(self) -> list[Any]:
        """None: what is here is neither saved nor kept with the best epoch."""
        return []

    def add(self, name: str, value: Any, *, trainable: bool = False) -> keras.Variable:
        """A variable that begins as a value: an array, or a number."""
        variable = keras.Variable(value, trainable=trainable, autocast=False, name=name)
        self.store.variables.append(variable)
        return variable


class _Store:
    """Lists that Keras does not look into."""

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self.lent: list[Any] = []
