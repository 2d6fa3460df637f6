"""The network of spans: a pointer on a Transformer."""

from typing import Any

from playmask.labelling.pointers import POINTERS, best_spans
from playmask.model.dropout import Dropout
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.tasks.extraction.candidate_counts import CANDIDATES
from playmask.tasks.extraction.settings import SpanSettings
from playmask.tasks.network import TaskNetwork


class SpanNetwork(TaskNetwork):
    """A Transformer and a pointer.

    Shapes: inputs as a Transformer's -> {"logits": (B, labels, T, T)}, at [first, last]
    """

    def __init__(self, transformer: Transformer, settings: SpanSettings) -> None:
        super().__init__(transformer)
        self.dropout = Dropout(settings.dropout)
        self.pointer = POINTERS[settings.pointer](
            len(settings.labels), size=settings.size, dtype="float32", name="pointer"
        )
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the pointer's weights."""
        self.pointer.build((None, None, self.transformer.architecture.width))

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score all spans."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        hidden = self.dropout(hidden, training=training)
        return {"logits": self.pointer(hidden, self.transformer.valid(inputs))}

    def candidates(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The best spans: scores, labels, first and last tokens, (B, K) each."""
        return best_spans(self(inputs, training=False)["logits"], CANDIDATES)
