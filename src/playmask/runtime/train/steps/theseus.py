"""BERT-of-Theseus: a deep model's blocks are replaced, module by module, by a smaller one's."""

from typing import Any

import numpy as np
from keras import ops

from playmask.errors import ConfigError
from playmask.model.block import Stack
from playmask.model.rng import uniform
from playmask.model.scene import Attended, Scene
from playmask.runtime.train.hooks import OpenStep
from playmask.runtime.train.stacks import stacks_of
from playmask.runtime.train.steps.teacher import TaughtHook


class Theseus(TaughtHook):
    """Module replacing (BERT-of-Theseus) of a teacher's blocks by fewer, as a hook of `fit`.

    The teacher's blocks are cut into as many modules as the task has blocks. In each step a module
    is the task's block with the probability p, and else the teacher's blocks, which do not learn:
    x = ε · successor(x) + (1 - ε) · predecessor(x). p rises linearly from `start` to 1 in the part
    `until` of the training; behind that the successor alone learns on. The embedding gets no
    gradient before.
    blocks: how many the task has, such as those `keep_blocks` keeps of the teacher
    Raises: ConfigError for a task of another depth, and where the two do not fit
    Source: Xu et al. 2020, eq. 2 to 6; Su 2020 (kexue 7575)

    Example:
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> big = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> small = keep_blocks(big, 1)
        >>> history = small.fit(data, teacher=big, epochs=1, theseus=1, verbose=0)
        >>> small.transformer.architecture.depth
        1

    """

    def __init__(self, blocks: int, start: float = 0.5, until: float = 0.5) -> None:
        super().__init__()
        if blocks < 1:
            raise ConfigError(f"Theseus' blocks are from 1, not {blocks!r}.")
        if not 0 < start <= 1:
            raise ConfigError(f"start is a probability above 0 and up to 1, not {start!r}.")
        if not 0 <= until <= 1:
            raise ConfigError(f"until is a part of the training, 0 to 1, not {until!r}.")
        self.blocks, self.start, self.until = blocks, start, until

    def begin(self, network: OpenStep) -> None:
        """Put the teacher's blocks in the places of the task's."""
        super().begin(network)
        student, teacher = network.transformer, self.teacher.transformer
        a, b = student.architecture, teacher.architecture
        if a.depth != self.blocks:
            raise ConfigError(
                f"Theseus ends with {self.blocks} blocks, and the task has {a.depth}; "
                f"keep_blocks(teacher, {self.blocks}) makes one that has."
            )
        reason = self._why_not(a, b)
        if reason:
            raise ConfigError(f"The teacher's blocks cannot stand in the task's: {reason}.")
        self.predecessor: Stack = teacher.blocks
        self.modules = np.array_split(np.arange(b.depth), a.depth)
        variables = network.hook_variables
        self.step = variables.add("theseus_step", np.zeros((), "int32"))
        self.seed = variables.add("theseus_seed", np.int32(np.random.randint(2**31 - 1)))
        self.steps = 1  # of the training; known when it begins
        student.blocks.substitute = self._module

    @staticmethod
    def _why_not(a: Any, b: Any) -> str:
        """What keeps blocks of one architecture from standing in another; "" = nothing."""
        if a.decoder is not None or b.decoder is not None:
            return "it writes with a decoder, whose blocks are not replaced"
        if a.width != b.width:
            return f"its width is {b.width}, the task's {a.width}"
        if not b.depth > a.depth:
            return f"it has {b.depth} blocks, no more than the task"
        if len({*a.masks, *b.masks}) > 1 or a.order != b.order:
            return "their masks are not the same in all blocks"
        if any(part.heeds for part in (*a.content, *b.content)):
            return "a block heeds the scores of the one before"
        return ""

    def on_train_begin(self, logs: Any = None) -> None:
        """Learn how many updates there will be."""
        self.steps = self.model.updates

    def end(self, network: OpenStep) -> None:
        """The task is the successor alone."""
        super().end(network)
        for stack in stacks_of(network):
            stack.substitute = None

    def probability(self, step: Any) -> Any:
        """That a module is the task's own, at a step."""
        rising = max(1.0, self.until * self.steps)
        part = ops.minimum(ops.cast(step, "float32") / rising, 1.0)
        return self.start + (1.0 - self.start) * part if self.until else ops.ones_like(part)

    def _module(
        self, number: int, x: Any, scene: Scene, *, block: Any, **options: Any
    ) -> tuple[Any, Attended]:
        """One module: the task's block, or those of the teacher that it takes the place of."""
        step = self.step.value
        chance = self.probability(step)
        if number == 0:
            x = ops.where(chance < 1.0, ops.stop_gradient(x), x)
        own, attended = block(x, scene, **options)
        other = x
        for index in self.modules[number]:
            before = self.predecessor.stored[self.predecessor.stored_as[int(index)]]
            other, _ = before(other, scene, **{**options, "training": False})
        drawn = uniform(self.seed.value, step, ops.cast(number, "int32"), size=1)[0]
        return ops.where(drawn <= chance, own, ops.cast(other, own.dtype)), attended

    def after_update(self, network: OpenStep) -> None:
        """Count the update."""
        self.step.assign(self.step + 1)
