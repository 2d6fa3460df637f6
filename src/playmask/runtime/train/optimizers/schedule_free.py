"""Schedule-free AdamW, with the decay and the averages of its authors on every backend."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("playmask")
class ScheduleFreeAdamW(keras.optimizers.ScheduleFreeAdamW):
    """Keras' schedule-free AdamW, with two differences.

    z = z - η (g / (√v̂ + ε) + λ y), x = (1-1/t) x + z / t, y = (1-β) z + β x; gradients are taken at
    y, and x is what is measured and kept. The decay is part of z's step, as in the paper (Keras
    shrinks y alone); and x comes from the z before the step, which on TensorFlow and PyTorch Keras
    (3.15) has overwritten by then.
    Source: Defazio et al. 2024, algorithm 1
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight, which is y."""
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        step = ops.cast(self.iterations + 1, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        if self.warmup_steps:
            rate = rate * ops.minimum(step / self.warmup_steps, 1.0)
        gradient = ops.cast(gradient, variable.dtype)
        y, z = ops.convert_to_tensor(variable), ops.convert_to_tensor(momentum)
        x = (y - (1 - self.beta_1) * z) / self.beta_1
        v = self.beta_2 * velocity + (1 - self.beta_2) * ops.square(gradient)
        corrected = v / (1 - ops.power(ops.cast(self.beta_2, v.dtype), step))
        move = gradient / (ops.sqrt(corrected) + self.epsilon)
        if self.weight_decay and self._use_weight_decay(self._trainable_variables[index]):
            move = move + self.weight_decay * y
        new_z = z - rate * move
        new_x = x + (new_z - x) / step
        self.assign(variable, (1 - self.beta_1) * new_z + self.beta_1 * new_x)
        self.assign(velocity, v)
        self.assign(momentum, new_z)

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        """In the update itself."""
