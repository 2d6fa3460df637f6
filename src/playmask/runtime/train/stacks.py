"""The stacks of blocks in a network's Transformer, and the states that they record."""

from typing import Any

import keras


def stacks_of(network: keras.Model) -> list[Any]:
    """The encoder's blocks and the decoder's, those that a network's Transformer has."""
    model = getattr(network, "transformer", None)
    return [stack for stack in (model and model.blocks, model and model.decoder) if stack]


def recorded_states(network: keras.Model) -> tuple[tuple[Any, ...], ...]:
    """Of each stack the embedding and each block's output in the last pass, where recorded."""
    records = [stack.record for stack in stacks_of(network)]
    return tuple(record.states for record in records if record is not None)
