"""A masked language model that scores words in the gaps of a row."""

from typing import ClassVar

import numpy as np
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.onnx.signature import Inputs, by_token
from playmask.tasks.network import TaskNetwork


class PatternNetwork(TaskNetwork):
    """A masked language model that scores a few words in the gaps of a row.

    words: the tokens of each label's word, int (labels, gaps)
    Shapes: inputs as a Transformer's, and "gaps" int (B, T), 1 at each gap
            -> {"logits": (B, labels)}, log-probabilities of the words, in nats
    """

    further_inputs: ClassVar[Inputs] = {"gaps": by_token(below=2)}

    def __init__(self, transformer: Transformer, words: np.ndarray) -> None:
        super().__init__(transformer)
        if "mlm" not in transformer.head_names:
            raise ConfigError("Patterns are filled by a model with heads='mlm'.")
        self.words = words.astype("int32")
        self.build(None)

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the words."""
        inputs = dict(inputs)
        gaps = inputs.pop("gaps")
        length, count = ops.shape(gaps)[1], self.words.shape[1]
        later = ops.arange(length, 0, -1, dtype="int32")  # the first gap has the largest number
        _, read = ops.top_k(ops.cast(gaps, "int32") * later, count)
        logits = self.transformer({**inputs, "read": read}, training=training)["logits"]
        logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)  # (B, gaps, vocabulary)
        each = [ops.take(logs[:, i], self.words[:, i], axis=-1) for i in range(count)]
        return {"logits": sum(each[1:], each[0])}
