"""Masked language modelling (Devlin et al. 2018), perhaps with the order of halves of texts."""

from typing import Any

import keras
import numpy as np

from playmask.pretraining.network import FIRSTS
from playmask.pretraining.objectives.masked import ChoosingObjective
from playmask.pretraining.objectives.sentences import PLACES, with_halves
from playmask.pretraining.packing import PackedRows
from playmask.pretraining.settings import MlmSettings
from playmask.runtime.padding import Batch
from playmask.tasks.objective import Objective, accuracy, crossentropy
from playmask.tasks.writing.mask_fill import corrupted
from playmask.tasks.writing.token_network import token_objective
from playmask.tokenizers.encoding import Frame


class MaskedLanguageModelling(ChoosingObjective[MlmSettings]):
    """Predicts the tokens that are masked: 8 in 10 by [MASK], 1 by another, 1 not at all.

    Source: Devlin et al. 2018, §3.1; Lan et al. 2019, §3.1 (the order of sentences)
    """

    @classmethod
    def needed_heads(cls, settings: Any) -> tuple[str, ...]:
        """The vocabulary head, and that of pairs where halves are told apart."""
        return ("mlm",) if settings.sentences == "none" else ("mlm", "nsp")

    @property
    def paired(self) -> bool:
        """Whether texts have two halves."""
        return self.settings.sentences != "none"

    @property
    def frame(self) -> Frame:
        """Around each piece; what stands between its halves comes at the end, to be moved."""
        head, between, end, _ = self.tokenizer.frame
        return Frame(head, (), (*between, *end) if self.paired else end)

    @property
    def losses(self) -> Objective:
        """Cross-entropy of tokens, and of what the second half is."""
        if not self.paired:
            return token_objective()
        names = ("logits", "nsp")
        metrics: dict[str, list[keras.metrics.Metric]] = {name: [accuracy()] for name in names}
        return Objective({name: crossentropy() for name in names}, metrics=metrics)

    def prepare(self, rows: PackedRows, random: np.random.Generator) -> Batch:
        """Mask tokens; before, make halves of texts where these are told apart."""
        halves = None
        if self.paired:
            kind, between = self.settings.sentences, len(self.tokenizer.frame.between)
            ends = len(self.frame.head), between, len(self.tokenizer.frame.end)
            rows, halves = with_halves(rows, kind, ends, random)
        taken = self.choose(rows, random)
        places, targets, weights = self.places(rows, taken)
        tokens = corrupted(rows.tokens, taken, self.mask, self.others, random)
        inputs = {**rows.inputs, "tokens": tokens, "read": places}
        if halves is None:
            return inputs, targets, weights
        if self.architecture.segments not in (0, "tokens"):
            inputs["segments"] = halves.segments
        inputs[FIRSTS] = halves.firsts[:, :PLACES]
        counts = halves.there * rows.weights[:, None]
        return (
            inputs,
            {"logits": targets, "nsp": halves.answers},
            {"logits": weights, "nsp": counts},
        )
