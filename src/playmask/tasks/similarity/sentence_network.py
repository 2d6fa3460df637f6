"""The network of sentence vectors."""

from typing import Any

from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.tasks.classification.pooling import pooling_of
from playmask.tasks.network import TaskNetwork
from playmask.tasks.similarity.settings import EncoderSettings
from playmask.tasks.similarity.vector_layers import layer_of, size_after


class SentenceNetwork(TaskNetwork):
    """A Transformer, whose sites of the first segment become a vector by some steps.

    Shapes: inputs as a Transformer's -> {"vectors": (B, size)}, and where it writes
    {"logits": (B, R, vocabulary)}
    """

    def __init__(self, transformer: Transformer, settings: EncoderSettings) -> None:
        super().__init__(transformer)
        self.pooling = pooling_of(settings.pooling, transformer)
        self.writes = settings.writing > 0
        self.recipes = settings.steps
        self.steps = [layer_of(step, number) for number, step in enumerate(settings.steps)]
        if self.writes and (
            "mlm" not in transformer.heads or transformer.architecture.order != "unilm"
        ):
            raise ConfigError(
                "A model that also learns to write similar sentences has the head 'mlm' and the "
                "order 'unilm': load with heads='mlm' and mask='unilm', or give language_model=0."
            )
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the weights of the steps."""
        self.size = self.transformer.architecture.width * self.pooling.widths
        for recipe, step in zip(self.recipes, self.steps, strict=True):
            step.build((None, self.size))
            self.size = size_after(recipe, self.size)

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Make a vector of each text, and score the tokens of its pair."""
        outputs = self.transformer(inputs, training=training)
        valid = self.transformer.valid(inputs)
        if "segments" in inputs:
            valid = ops.logical_and(valid, ops.equal(inputs["segments"], 0))
        pooled = self.pooling.pool(outputs, ops.expand_dims(valid, -1))
        vectors = ops.cast(pooled, "float32")
        for step in self.steps:
            vectors = step(vectors, training=training)
        answer = {"vectors": vectors}
        return {**answer, "logits": outputs["logits"]} if self.writes else answer

    def exported(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The vectors alone."""
        return self.vectors(inputs)

    def vectors(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The vectors alone; a vocabulary head has to read one place then."""
        if "mlm" in self.transformer.heads:
            inputs = {**inputs, "read": ops.zeros_like(inputs["tokens"][:, :1])}
        return {"vectors": self(inputs, training=False)["vectors"]}
