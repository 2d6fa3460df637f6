"""What methods share that learn from another model, which takes part in each step unchanged."""

from collections.abc import Sequence
from typing import Any

import keras

from playmask.errors import ConfigError
from playmask.runtime.train.hooks import OpenStep, StepHook


class TaughtHook(StepHook):
    """A method that needs `fit(teacher=…)`; the teacher does not learn, and is not saved."""

    frozen: Sequence[Any] = ()
    _teacher: keras.Model | None = None

    @property
    def teacher(self) -> keras.Model:
        """The network that takes part in the training that runs."""
        assert self._teacher is not None
        return self._teacher

    def begin(self, network: OpenStep) -> None:
        """Let the teacher take part."""
        if network.teacher is None:
            raise ConfigError(
                f"{type(self).__name__} learns from another task; name it: fit(…, teacher=…), or "
                "--teacher DIR."
            )
        self._teacher = teacher = network.teacher()
        self.frozen = [v for v in teacher.variables if v.trainable]
        for variable in self.frozen:
            variable.trainable = False
        network.hook_variables.lend(teacher.variables)

    def end(self, network: OpenStep) -> None:
        """Leave the teacher as it came."""
        for variable in self.frozen:
            variable.trainable = True
        self.frozen, self._teacher = (), None
