"""The optimizer that fine-tuning a Transformer wants."""

from typing import Any

import keras

NOT_DECAYED = frozenset({"bias", "gamma", "beta"})
"""Names of the weights that weight decay leaves alone: biases and norms."""


class TwoRates(keras.optimizers.AdamW):
    """AdamW by which some weights learn so many times faster than the others.

    Source: Keras' own; what a task puts on a pretrained model begins at random (kexue 6418)
    """

    fast: frozenset[str] = frozenset()  # the paths of those weights
    multiplier: float = 1.0

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight, at its rate."""
        # On TensorFlow the variable is TensorFlow's own, which knows no path.
        path = self._trainable_variables[self._get_variable_index(variable)].path
        times = self.multiplier if path in self.fast else 1.0
        super().update_step(gradient, variable, learning_rate * times)


def adamw(
    model: keras.Model,
    rate: Any,
    *,
    weight_decay: float = 0.01,
    clip: float | None = 1.0,
    multiplier: float = 1.0,
) -> keras.optimizers.Optimizer:
    """AdamW with decoupled weight decay, except on norms and biases, and a clipped global norm.

    multiplier: what a task puts on its Transformer learns so many times faster than that, and
    decays as slowly
    Source: Loshchilov & Hutter 2019; the exceptions are BERT's
    """
    optimizer = TwoRates(rate, weight_decay=weight_decay, epsilon=1e-6, global_clipnorm=clip)
    weights = model.trainable_variables
    inside = {id(v) for v in getattr(model, "transformer", model).weights}
    optimizer.fast = frozenset(v.path for v in weights if id(v) not in inside)
    optimizer.multiplier = multiplier
    optimizer.exclude_from_weight_decay(var_list=[v for v in weights if v.name in NOT_DECAYED])
    return optimizer
