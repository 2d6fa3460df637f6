"""The network of GPLinker: three pointers on a Transformer."""

from typing import Any

from playmask.labelling.losses import SparseMultilabelCrossentropy
from playmask.labelling.pointers import POINTERS, best_spans
from playmask.model.dropout import Dropout
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.tasks.extraction.candidate_counts import POINTED
from playmask.tasks.extraction.settings import EventSettings, RelationSettings
from playmask.tasks.network import TaskNetwork

LOSSES = {name: SparseMultilabelCrossentropy() for name in POINTED}


class LinkNetwork(TaskNetwork):
    """A Transformer and three pointers: to spans, from first to first, from last to last token.

    onward: a link has no direction, and is sought from the token before to that behind only
    Shapes: inputs as a Transformer's -> {"spans": (B, spans, T, T), "heads", "tails":
            (B, links, T, T)}
    """

    def __init__(
        self,
        transformer: Transformer,
        settings: RelationSettings | EventSettings,
        *,
        spans: int,
        links: int,
        onward: bool,
    ) -> None:
        super().__init__(transformer)
        size, pointer = settings.size, POINTERS[settings.pointer]
        self.dropout = Dropout(settings.dropout)
        ends = {"size": size, "rotary": False, "onward": onward}
        self.pointers = {
            name: pointer(count, dtype="float32", name=name, **options)
            for name, count, options in (
                ("spans", spans, {"size": size}),
                ("heads", links, ends),
                ("tails", links, ends),
            )
        }
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the pointers' weights."""
        for pointer in self.pointers.values():
            pointer.build((None, None, self.transformer.architecture.width))

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score all spans and all links."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        hidden = self.dropout(hidden, training=training)
        valid = self.transformer.valid(inputs)
        return {name: pointer(hidden, valid) for name, pointer in self.pointers.items()}

    def candidates(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The best spans and links, (B, K) each: their scores, labels and tokens."""
        outputs = self(inputs, training=False)
        return {
            f"{name} {what}": each
            for name, count in POINTED.items()
            for what, each in best_spans(outputs[name], count).items()
        }
