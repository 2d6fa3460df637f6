"""SimBERT (Su 2020): a similar text is written, and told from the others of a batch."""

from typing import Any

import keras
import numpy as np
from keras import ops

from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.pretraining.objectives.objective import PretrainingObjective
from playmask.pretraining.pairs import PairBatches, PairedRows, half_of
from playmask.pretraining.settings import SimbertSettings
from playmask.runtime.padding import Batch
from playmask.tasks.network import TaskNetwork
from playmask.tasks.objective import Objective, accuracy, crossentropy
from playmask.tasks.writing.tokens import chosen, following
from playmask.tokenizers.encoding import Frame

DOCUMENTS = "documents"  # (B,): of which document each row is
HIDDEN = -1e9  # what adds nothing to a softmax


class SimbertNetwork(TaskNetwork):
    """A Transformer of which the target's tokens are read, and the vector of the source.

    Shapes: inputs tokens, segments, valid (B, T), read (B, R), documents (B,) ->
            {"logits": (B, R, vocabulary), "similarity": (B, B)}
    """

    def __init__(self, transformer: Transformer, scale: float) -> None:
        super().__init__(transformer)
        self.scale = scale
        self.build(None)

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score tokens and texts; a text is not compared with itself, nor its document's others."""
        own = dict(inputs)
        documents = own.pop(DOCUMENTS)
        outputs = self.transformer(own, training=training)
        vectors = ops.normalize(ops.cast(outputs["pooled"], "float32"), axis=-1)
        cosines = ops.matmul(vectors, ops.transpose(vectors)) * self.scale
        rows = ops.arange(ops.shape(documents)[0])
        same = documents[:, None] == documents[None]
        partner = rows[None] == (rows + 1 - 2 * (rows % 2))[:, None]
        hidden = ops.logical_and(same, ops.logical_not(partner))
        similarity = ops.where(hidden, HIDDEN, cosines)
        return {"logits": outputs["logits"], "similarity": similarity}


class SimilarTexts(PretrainingObjective[SimbertSettings]):
    """Writes a text from a similar one by the UniLM mask, and finds it among a batch's others.

    A document's lines are similar texts. The pooled vector sees the source alone.
    Source: Su 2020 (kexue 7427)
    """

    heads = ("mlm", "pool")
    order = "unilm"
    batches_class = PairBatches

    @property
    def frame(self) -> Frame:
        """The special tokens around a pair."""
        return self.tokenizer.frame

    @property
    def losses(self) -> Objective:
        """Cross-entropy of the target's tokens, and of each source's pair among the batch's."""
        similar = crossentropy()
        similar.in_batch = True
        names = ("logits", "similarity")
        metrics: dict[str, list[keras.metrics.Metric]] = {name: [accuracy()] for name in names}
        return Objective({"logits": crossentropy(), "similarity": similar}, metrics=metrics)

    def build_network(self, model: Transformer) -> SimbertNetwork:
        """The network of tokens and similarities."""
        return SimbertNetwork(model, self.settings.scale)

    def prepare(self, rows: PairedRows, random: np.random.Generator) -> Batch:
        """The target's tokens and what ends it, each behind the one that is read for it."""
        read = (following(rows.segments) > 0) & rows.valid
        count = half_of(self.settings.max_length, self.frame) + len(self.frame.end)
        places, there = chosen(read, count)
        targets = np.take_along_axis(following(rows.tokens), places, 1)
        inputs: dict[str, Any] = {
            "tokens": rows.tokens,
            "segments": rows.segments,
            "valid": rows.valid,
            "read": places,
            DOCUMENTS: rows.documents,
        }
        pairs = (np.arange(len(places)) ^ 1).astype("int32")
        return (
            inputs,
            {"logits": targets, "similarity": pairs},
            {"logits": there * rows.weights[:, None], "similarity": rows.weights},
        )
