"""The optimizer that fine-tuning a Transformer wants."""

from typing import Any

import keras

NOT_DECAYED = frozenset({"bias", "gamma", "beta"})
"""Names of the weights that weight decay leaves alone: biases and norms."""


def adamw(
    model: keras.Model, rate: Any, *, weight_decay: float = 0.01, clip: float | None = 1.0
) -> keras.optimizers.Optimizer:
    """AdamW with decoupled weight decay, except on norms and biases, and a clipped global norm.

    Source: Loshchilov & Hutter 2019; the exceptions are BERT's
    """
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=weight_decay, epsilon=1e-6, global_clipnorm=clip
    )
    spared = [v for v in model.trainable_variables if v.name in NOT_DECAYED]
    optimizer.exclude_from_weight_decay(var_list=spared)
    return optimizer
