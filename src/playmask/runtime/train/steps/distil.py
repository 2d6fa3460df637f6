"""Knowledge distillation: a student learns what a teacher answers, and how it gets there."""

from typing import Any

import keras
from keras import ops

from playmask.errors import ConfigError, nearest
from playmask.model.block import Record
from playmask.runtime.train.hooks import OpenStep, Step
from playmask.runtime.train.stacks import recorded_states, stacks_of
from playmask.runtime.train.step import weighted_mean
from playmask.runtime.train.steps.state_distances import DISTANCES, mean_over_tokens
from playmask.runtime.train.steps.teacher import TaughtHook


class Distillation(TaughtHook):
    """Knowledge distillation from a task that is trained already, as a hook of `fit(teacher=…)`.

    The loss is targets · L + logits · D + hidden · H + embeddings · E: the task's own loss, the
    divergence from the teacher's answers at a temperature, and the distance of the hidden states of
    blocks and of embeddings, the student's projected where they are narrower or wider.
    distance: "mse" (TinyBERT), "cosine" (DistilBERT) or "patient" (of first tokens, at length 1);
    layers: the teacher's block for each of the student's, from 1, as 4-8-12; None is evenly, the
    last for the last
    Raises: ConfigError for weights below 0, none above it, or layers that there are not
    Source: Hinton et al. 2015; Sanh et al. 2019; Sun et al. 2019; Jiao et al. 2020

    Example:
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> teacher = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> small = TextClassifier.new(keep_blocks(model, [1]), ["bad", "good"], max_length=16)
        >>> hooks = [Distillation(hidden=1.0)]
        >>> history = small.fit(data, teacher=teacher, epochs=1, callbacks=hooks, verbose=0)
        >>> small.transformer.architecture.depth
        1

    """

    compares = True

    def __init__(
        self,
        logits: float = 1.0,
        temperature: float = 2.0,
        hidden: float = 0.0,
        embeddings: float = 0.0,
        targets: float = 1.0,
        distance: str = "mse",
        layers: str | None = None,
    ) -> None:
        super().__init__()
        parts = {"logits": logits, "hidden": hidden, "embeddings": embeddings, "targets": targets}
        for name, value in parts.items():
            if not value >= 0:
                raise ConfigError(f"{name} is a weight in the loss, from 0, not {value!r}.")
        if not logits + hidden + embeddings > 0:
            raise ConfigError("Distillation needs logits, hidden or embeddings above 0.")
        if not temperature > 0:
            raise ConfigError(f"temperature is above 0, not {temperature!r}.")
        if distance not in DISTANCES:
            raise ConfigError(f"There is no distance {distance!r}.{nearest(distance, DISTANCES)}")
        self.parts, self.temperature = parts, temperature
        self.distance, self.layers = DISTANCES[distance], layers
        self.projections: dict[tuple[int, int], Any] = {}

    @property
    def records(self) -> bool:
        """Whether hidden states are compared."""
        return self.parts["hidden"] + self.parts["embeddings"] > 0

    def begin(self, network: OpenStep) -> None:
        """Let the teacher take part, and pair the layers that are compared."""
        super().begin(network)
        if not self.records:
            return
        both = [*zip(stacks_of(network), stacks_of(self.teacher), strict=True)]
        self.pairs = [self._pairs(len(s.stored_as), len(t.stored_as)) for s, t in both]
        self.projections = {}
        draw = keras.initializers.GlorotUniform()
        for stack, (student, teacher) in enumerate(both):
            student.record, teacher.record = Record(), Record()
            if student.width != teacher.width:
                for mine, _ in self.pairs[stack]:
                    value = draw((student.width, teacher.width))
                    name = f"distil_{stack}_{mine}"
                    self.projections[stack, mine] = network.hook_variables.add(
                        name, value, trainable=True
                    )

    def check(self, network: OpenStep) -> None:
        """Refuse to take a part of a loss away that another method has replaced."""
        if self.parts["targets"] != 1 and any(hook.replaces for hook in network.hooks):
            raise ConfigError("Mixup takes the loss' place, so distil's targets are 1 beside it.")

    def end(self, network: OpenStep) -> None:
        """Record nothing any more."""
        both = [network] if self._teacher is None else [network, self._teacher]
        for stack in (stack for each in both for stack in stacks_of(each)):
            stack.record = None
        super().end(network)

    def _pairs(self, depth: int, teacher: int) -> list[tuple[int, int]]:
        """Which states are compared, of the student and of the teacher; 0 is the embedding's."""
        if self.layers is None:
            chosen = [max(1, round((i + 1) * teacher / depth)) for i in range(depth)]
        else:
            numbers = self.layers.split("-")
            chosen = [int(number) if number.isdigit() else 0 for number in numbers]
            if len(chosen) != depth or not all(1 <= each <= teacher for each in chosen):
                raise ConfigError(
                    f"layers is {self.layers!r}; a block of the teacher, 1 to {teacher}, is due "
                    f"for each of the student's {depth}, as 4-8-12."
                )
        blocks = [*enumerate(chosen, 1)] if self.parts["hidden"] else []
        return [(0, 0), *blocks] if self.parts["embeddings"] else blocks

    def add_loss(self, step: Step) -> Any:
        """What the teacher adds to the task's loss, whose own weight changes too."""
        answers = self.teacher(step.inputs, training=False)
        states = recorded_states(self.teacher) if self.records else ()
        loss = (self.parts["targets"] - 1.0) * step.loss
        if self.parts["logits"]:
            targets = keras.tree.map_structure(ops.stop_gradient, answers)
            apart = step.divergence(targets, step.outputs, self.temperature)
            loss = loss + self.parts["logits"] * apart
        for stack, pairs in enumerate(self.pairs if self.records else ()):
            loss = loss + self._of_states(step, stack, pairs, step.states[stack], states[stack])
        return loss

    def _of_states(self, step: Step, stack: int, pairs: Any, student: Any, teacher: Any) -> Any:
        """The distances of the states of one stack; of blocks the mean."""
        blocks = sum(mine > 0 for mine, _ in pairs)
        tokens: Any = step.inputs.get(("valid", "target_valid")[stack], step.inputs["valid"])
        total = 0.0
        for mine, other in pairs:
            own = student[mine]
            if (stack, mine) in self.projections:
                own = ops.matmul(own, ops.cast(self.projections[stack, mine], own.dtype))
            each = self.distance(ops.stop_gradient(teacher[other]), own)
            count = tokens[:, : each.shape[1]]
            weight = self.parts["hidden"] / blocks if mine else self.parts["embeddings"]
            total = total + weight * weighted_mean(mean_over_tokens(each, count), step.text_weights)
        return total
