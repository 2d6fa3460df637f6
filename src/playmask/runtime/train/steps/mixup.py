"""Mixup of hidden states: two texts become one, and are learnt in the same parts."""

import random
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Tensor
from playmask.model.rng import bits
from playmask.model.scene import Scene
from playmask.runtime.train.hooks import OpenStep, Step, StepHook
from playmask.runtime.train.moves import above_zero

POOL = 4096  # draws of a Beta distribution, of which each step takes one
PLAIN = {"tokens", "segments", "valid"}


class Mixup(StepHook):
    """Mixup of hidden states, as a hook of `fit`; it takes the place of the loss.

    After so many blocks (0: at the embeddings) each text's hidden states h become
    λ · h + (1 - λ) · h', h' those of another text of the batch and λ ~ Beta(a, a); the loss is
    λ · L(y) + (1 - λ) · L(y'). Padding counts as zeros, and what only one text has is looked at.
    Metrics are of the texts as they are.
    Raises: ConfigError for an `a` that is not above 0, a block that there is not, a model that
            writes, and for tasks whose targets are not a text's own
    Source: Zhang et al. 2018, eq. 1; of hidden states, Verma et al. 2019 and Chen et al. 2020

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data, hooks = [("味道不错", "good"), ("太失望", "bad")] * 4, [Mixup(0.2, after=1)]
        >>> sorted(task.fit(data, epochs=1, callbacks=hooks, verbose=0))
        ['accuracy', 'loss']

    """

    replaces: ClassVar[bool] = True

    def __init__(self, a: float = 0.2, after: int = 0) -> None:
        super().__init__()
        self.a, self.after = above_zero("a", a), after

    def begin(self, network: OpenStep) -> None:
        """Parts are drawn beforehand, and which is taken by a counter."""
        drawn = np.random.default_rng(random.getrandbits(31)).beta(self.a, self.a, POOL)
        self.pool = network.hook_variables.add("mixup_parts", drawn.astype("float32"))
        self.count = network.hook_variables.add("mixup", np.zeros(2, "int32"))

    def check(self, network: OpenStep) -> None:
        """Two texts of the task can be mixed there."""
        a, blocks = network.transformer.architecture, network.transformer.blocks
        if a.decoder is not None or a.order != "full":
            raise ConfigError(
                "Mixup is for models that read texts whole, not for those that write."
            )
        if any(part.orders is not None for part in a.content):
            raise ConfigError(
                "Mixup is for models whose blocks look at tokens, which each can hide."
            )
        if not 0 <= self.after <= len(blocks.stored_as):
            count = len(blocks.stored_as)
            raise ConfigError(f"after is from 0 to the model's {count} blocks, not {self.after!r}.")
        if any(getattr(learnt.loss, "in_batch", False) for learnt in network.learnt.values()):
            raise ConfigError("Mixup needs targets of each text's own, not places in a batch.")
        inputs = {} if network.batches is None else network.batches[0][0]
        if others := sorted({*inputs} - PLAIN):
            raise ConfigError(f"Mixup cannot mix what two texts have as {others[0]!r}.")

    def add_loss(self, step: Step) -> Any:
        """The loss of the mixed texts."""
        part = self._draw()
        valid = step.network.transformer.valid(step.inputs)
        both = ops.logical_or(valid, _others(valid))
        everywhere = ops.expand_dims(ops.ones_like(valid), 2)
        own = ops.logical_and(ops.expand_dims(valid, 1), everywhere)  # who looks, below that block

        def between(block: int, x: Tensor, scenes: Sequence[Scene]) -> Any:
            if block != self.after:
                return x, scenes
            x = ops.where(ops.expand_dims(valid, -1), x, 0.0)
            share = ops.cast(part, x.dtype)
            return share * x + (1 - share) * _others(x), [*map(_of_both, scenes)]

        blocks = step.network.transformer.blocks
        blocks.between = between
        try:
            outputs = step.forward(valid=both, allowed=own)
        finally:
            blocks.between = None
        of_others = keras.tree.map_structure(_others, (step.targets, step.weights))
        second = step.network.task_loss(of_others[0], outputs, of_others[1])
        return part * step.loss_of(outputs) + (1 - part) * second

    def _draw(self) -> Any:
        count = ops.copy(self.count.value)
        self.count.assign(ops.add(count, np.array([1, 0], "int32")))
        place = ops.bitwise_and(bits(count, (1,)), POOL - 1)
        return ops.take(self.pool.value, place)[0]


def _others(x: Any) -> Any:
    """What the text after each has; after the last comes the first."""
    return ops.roll(x, -1, axis=0)


def _of_both(scene: Scene) -> Scene:
    return scene._replace(allowed=ops.logical_or(scene.allowed, _others(scene.allowed)))
