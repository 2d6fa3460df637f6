"""The network and the loss of sentence vectors: pairs are found among the batch (SimBERT)."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from playmask.errors import ConfigError
from playmask.labelling.losses import HIDDEN
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.tasks.classification.pooling import pooling_of
from playmask.tasks.network import TaskNetwork
from playmask.tasks.similarity.settings import EncoderSettings
from playmask.tasks.similarity.vector_layers import layer_of, size_after, unit_length


class SentenceNetwork(TaskNetwork):
    """A Transformer, whose sites of the first segment become a vector by some steps.

    Shapes: inputs as a Transformer's -> {"vectors": (B, size)}, and where it writes
    {"logits": (B, R, vocabulary)}
    """

    def __init__(self, transformer: Transformer, settings: EncoderSettings) -> None:
        super().__init__(transformer)
        self.pooling = pooling_of(settings.pooling, transformer)
        self.writes = settings.language_model > 0
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

    def vectors(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The vectors alone; a vocabulary head has to read one place then."""
        if "mlm" in self.transformer.heads:
            inputs = {**inputs, "read": ops.zeros_like(inputs["tokens"][:, :1])}
        return {"vectors": self(inputs, training=False)["vectors"]}


def similarities(pairs: Tensor, vectors: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """In-batch contrastive logits: index of the positive, scaled cosine similarities.

    Hidden are a vector's own sentence and its pair's, wherever they stand besides, and what only
    fills the batch: nobody's pair (-1).
    Shapes: pairs int (B, 2), the index of the positive and the sentence's number; vectors (B, D)
    -> int (B,), logits (B, B)
    """
    pairs = ops.cast(pairs, "int32")
    there, pair, sentence = pairs[:, 0] >= 0, ops.maximum(pairs[:, 0], 0), pairs[:, 1]
    other = ops.take(sentence, pair)
    same = (sentence[None] == sentence[:, None]) | (sentence[None] == other[:, None])
    positive = ops.arange(ops.shape(pair)[0], dtype="int32")[None] == pair[:, None]
    vectors = unit_length(vectors)
    logits = scale * ops.matmul(vectors, ops.transpose(vectors))
    hidden = (same | ops.logical_not(there)[None]) & ops.logical_not(positive)
    return pair, ops.where(hidden, HIDDEN, logits)


class Contrast(keras.losses.Loss):
    """Cross-entropy of finding each vector's pair in the batch.

    Shapes: y_true, y_pred as pairs, vectors of `similarities` -> (B,), nats
    Source: Su 2020 (kexue 7427), SimBERT, with scale 30
    """

    def __init__(self, scale: float) -> None:
        super().__init__(reduction="mean_with_sample_weight", name="contrast")
        self.scale = scale

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats of each vector: (B,)."""
        pair, logits = similarities(y_true, y_pred, self.scale)
        logs = ops.log_softmax(logits, axis=-1)
        return -ops.take_along_axis(logs, pair[:, None], axis=1)[:, 0]


def pair_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """1 where a vector's pair is the most similar of the batch: (B,)."""
    pair, logits = similarities(y_true, y_pred, 1.0)
    return ops.cast(ops.cast(ops.argmax(logits, axis=-1), "int32") == pair, "float32")


def both_ways(
    inputs: dict[str, npt.NDArray[np.int32]], head: int = 1
) -> dict[str, npt.NDArray[np.int32]]:
    """The rows [CLS] a [SEP] b [SEP] of a batch, and after them all [CLS] b [SEP] a [SEP].

    head: how many tokens stand before a text
    """
    part = np.where(inputs["segments"] == 1, 1, 2)
    part[:, :head], part[~inputs["valid"]] = 0, 3
    places = np.argsort(part, axis=1, kind="stable")
    turned = {name: np.take_along_axis(values, places, 1) for name, values in inputs.items()}
    turned["segments"] = (np.take_along_axis(part, places, 1) == 2).astype("int32")
    return {name: np.concatenate([inputs[name], turned[name]]) for name in inputs}
