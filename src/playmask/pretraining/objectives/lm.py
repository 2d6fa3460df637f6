"""Causal language modelling: which token comes next."""

import numpy as np

from playmask.pretraining.objectives.objective import PretrainingObjective
from playmask.pretraining.packing import PackedRows
from playmask.pretraining.settings import LmSettings
from playmask.runtime.padding import Batch
from playmask.tasks.writing.tokens import following
from playmask.tokenizers.encoding import Frame


class CausalLanguageModelling(PretrainingObjective[LmSettings]):
    """Predicts each token of a text from those before it.

    Source: Radford et al. 2018 (GPT), eq. 1
    """

    order = "lm"

    @property
    def frame(self) -> Frame:
        """What texts begin with (or else the end of another), and what ends them."""
        end = () if self.tokenizer.sep is None else (self.tokenizer.sep,)
        return Frame(self.tokenizer.frame.head or end, (), end)

    def prepare(self, rows: PackedRows, random: np.random.Generator) -> Batch:
        """The next token is the target, where one of the same text comes next."""
        same = (following(rows.texts) == rows.texts) & rows.valid
        same[:, -1] = False
        weights = same * rows.weights[:, None]
        return dict(rows.inputs), following(rows.tokens), weights.astype("float32")
