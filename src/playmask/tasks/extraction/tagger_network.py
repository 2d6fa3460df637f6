"""The network of tags: a dense layer on a Transformer, and what makes tags of its logits."""

from typing import Any

from playmask.labelling.decoding import Array
from playmask.labelling.taggers import TAGGERS
from playmask.model.dense import Dense
from playmask.model.dropout import Dropout
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.tasks.extraction.settings import EventSettings, TaggerSettings, tagger_options
from playmask.tasks.network import TaskNetwork


class TaggerNetwork(TaskNetwork):
    """A Transformer, a dense layer over the tags, and what makes tags of its logits.

    Shapes: inputs as a Transformer's -> {"logits": (B, T, tags)}
    """

    def __init__(
        self, transformer: Transformer, tags: int, settings: TaggerSettings | EventSettings
    ) -> None:
        super().__init__(transformer)
        self.dropout = Dropout(settings.dropout)
        initializer = transformer.architecture.initializer()
        self.dense = Dense(tags, kernel_initializer=initializer, dtype="float32", name="tags")
        self.tagger = TAGGERS[settings.tagger](
            tags, **tagger_options(settings), dtype="float32", name="tagger"
        )
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the weights of the dense layer and of the tagger."""
        self.dense.build((None, None, self.transformer.architecture.width))
        self.tagger.build()

    def constants(self) -> dict[str, Array]:
        """What the tagger adds to logits."""
        return dict(self.tagger.constants())

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the tags of every token."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        return {"logits": self.dense(self.dropout(hidden, training=training))}
