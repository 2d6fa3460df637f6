"""Virtual adversarial training (VAT): answers stay the same where embeddings move for the worst."""

import random
from typing import Any, ClassVar

import numpy as np
from keras import ops

from playmask.model.rng import normal
from playmask.runtime.train.hooks import OpenStep, Step, StepHook
from playmask.runtime.train.moves import above_zero, along, at_least_one
from playmask.runtime.train.step import Tensors


class VirtualAdversarialTraining(StepHook):
    """Virtual adversarial training (VAT), as a hook of `fit`; texts without labels teach it too.

    Adds weight · KL(p(x) ‖ p(x + r)): p(x) is what the network answered, and stays as it is; r is
    the move of the length epsilon that changes most, found by so many power iterations from a
    random move of the length xi, each text by its own.
    Units:  nats; epsilon and xi are lengths of a text's move
    Raises: ConfigError for a length that is not above 0, for no steps, and for a task of whose
            outputs nothing says how they diverge
    Source: Miyato et al. 2018, eq. 5 to 12; Su 2020 (kexue 7466)

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data, texts = [("味道不错", "good"), ("太失望", "bad")] * 4, ["还可以", "一般"]
        >>> history = task.fit(data, epochs=1, adversarial="vat:1", unlabelled=texts, verbose=0)
        >>> sorted(history)  # as a hook: VirtualAdversarialTraining(1.0)
        ['accuracy', 'loss']

    """

    replays: ClassVar[bool] = True
    compares: ClassVar[bool] = True
    takes_unlabelled: ClassVar[bool] = True

    def __init__(
        self, epsilon: float = 1.0, weight: float = 1.0, steps: int = 1, xi: float = 0.1
    ) -> None:
        super().__init__()
        self.epsilon = above_zero("epsilon, the length of a move,", epsilon)
        self.weight, self.xi = above_zero("weight", weight), above_zero("xi", xi)
        self.steps = at_least_one("steps", steps)

    def begin(self, network: OpenStep) -> None:
        """Directions are drawn by a counter, which an interrupted training goes on with."""
        seed = np.array([0, random.getrandbits(31)], "int32")
        self.seed = network.hook_variables.add("vat", seed)

    def add_loss(self, step: Step) -> Any:
        """The divergence, of the batch and of the texts without labels."""
        return self.weight * sum(self._divergence(part) for part in step.parts())

    def _divergence(self, step: Step) -> Any:
        target: Tensors = {name: ops.stop_gradient(x) for name, x in step.outputs.items()}

        def apart(outputs: Tensors) -> Any:
            return step.divergence(target, outputs)

        move = along(self._draw(step), self.xi)
        for _ in range(self.steps):
            move = along(step.gradient_of_embeddings(apart, at=move), self.xi)
        return apart(step.forward(extra=move * (self.epsilon / self.xi)))

    def _draw(self, step: Step) -> Any:
        """A random direction of each text's tokens: (B, T, E)."""
        seed = ops.copy(self.seed.value)
        self.seed.assign(ops.add(seed, np.array([1, 0], "int32")))
        drawn = normal(seed, tuple(ops.shape(step.zero_embeddings())))
        valid = ops.expand_dims(step.network.transformer.valid(step.inputs), -1)
        return ops.where(valid, drawn, 0.0)
