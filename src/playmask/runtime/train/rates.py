"""The learning rate of each weight: of what the task adds, by height in the stack, by name."""

from typing import Any

import keras

from playmask.runtime.adapters import adapter_weights
from playmask.runtime.train.weight_names import all_weights, levels, matches, multipliers


def rates_of(
    network: keras.Model, *, multiplier: float = 1.0, layer_decay: float = 1.0, rates: str = ""
) -> dict[str, float]:
    """How many times the learning rate each weight learns at, by its path; those at 1 left out.

    multiplier: of what a task puts on its Transformer; layer_decay: what each block is slower than
    that above it (the top of all at the full rate); rates: `pattern=multiplier;…`, by patterns of
    weights' names. All three multiply.
    Raises: ConfigError for patterns of another form, and for one in no weight's name
    Source: Howard & Ruder 2018, section 3.2; Clark et al. 2020 (ELECTRA), appendix A
    """
    named = all_weights(network) | adapter_weights(getattr(network, "transformer", network))
    weights = {name: v for name, v in named.items() if v.trainable}
    heights = levels(weights)
    top = max(heights.values(), default=0)
    inside = {id(v) for v in getattr(network, "transformer", network).weights}
    times = {
        name: layer_decay ** (top - heights[name]) * (1.0 if id(v) in inside else multiplier)
        for name, v in weights.items()
    }
    for pattern, number in multipliers("rates", rates).items():
        for name in matches("rates", pattern, weights):
            times[name] *= number
    return {weights[name].path: number for name, number in times.items() if number != 1.0}


def tables_of(network: Any) -> frozenset[str]:
    """The paths of the tables of token embeddings."""
    names = all_weights(network)
    return frozenset(v.path for name, v in names.items() if name in TABLES and v.trainable)


TABLES = ("embeddings/tokens/embeddings", "decoder_embeddings/tokens/embeddings")
