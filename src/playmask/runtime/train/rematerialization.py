"""Rematerialisation: the backward pass computes blocks anew, where it else remembers them."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from playmask.errors import ConfigError
from playmask.model.block import Stack


@contextmanager
def rematerializing(network: keras.Model, *, on: bool) -> Iterator[None]:
    """Let the blocks of a network be computed anew in the backward pass of its training steps.

    A block then leaves its input alone in memory until its gradient is taken; the work is a
    third more.
    Source: Chen et al. 2016
    Raises: ConfigError where there are no blocks of a Transformer
    """
    stacks = [each for each in network._flatten_layers() if isinstance(each, Stack)] if on else []
    if on and not stacks:
        raise ConfigError(f"rematerialize is for Transformers; {type(network).__name__} has none.")
    for stack in stacks:
        stack.rematerialized = True
    try:
        yield
    finally:
        for stack in stacks:
            stack.rematerialized = False
