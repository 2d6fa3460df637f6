"""UniLM (Dong et al. 2019): masked tokens, in rows of several orders."""

import numpy as np

from playmask.pretraining.objectives.masked import ChoosingObjective
from playmask.pretraining.packing import PackedRows
from playmask.pretraining.settings import UnilmSettings
from playmask.pretraining.tokenization import Array
from playmask.runtime.padding import Batch
from playmask.tasks.writing.mask_fill import corrupted

FULL, LEFT_TO_RIGHT, RIGHT_TO_LEFT, SOURCE_TO_TARGET = range(4)


class UnifiedLanguageModelling(ChoosingObjective[UnilmSettings]):
    """Predicts masked tokens; each row draws who may look at whom.

    All see all, what is before, what is behind, or a source which is seen whole and a target that
    sees the source and what is before. The mask is an order, so that each is one row of integers.
    Source: Dong et al. 2019, §2.3 and §2.4
    """

    order = "unilm"

    def prepare(self, rows: PackedRows, random: np.random.Generator) -> Batch:
        """Mask tokens, and draw the order of each row."""
        taken = self.choose(rows, random)
        places, targets, weights = self.places(rows, taken)
        tokens = corrupted(rows.tokens, taken, self.mask, self.others, random)
        shares = np.array(self.settings.mixture) / sum(self.settings.mixture)
        kinds = random.choice(4, len(tokens), p=shares)
        order, segments = orders_of(rows, kinds, random)
        inputs = {**rows.inputs, "tokens": tokens, "read": places, "order": order}
        if self.architecture.segments not in (0, "tokens"):
            inputs["segments"] = segments
        return inputs, targets, weights


def orders_of(rows: PackedRows, kinds: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """The order of each row's tokens by the row's kind, and which are of a target.

    Shapes: kinds int (B,) -> int32 (B, T) each
    """
    positions, count = rows.positions, len(rows.tokens)
    shares = random.random((count, rows.texts.max() + 2))  # where the target of each text begins
    sizes = np.zeros(shares.shape, "int32")
    numbers = np.arange(count)[:, None], rows.texts
    np.maximum.at(sizes, numbers, positions + 1)
    begins = np.ceil(shares * sizes)[numbers]
    segments = ((positions >= np.maximum(begins, 1)) & rows.valid).astype("int32")
    orders = np.stack(
        [
            np.zeros_like(positions),
            positions,
            positions.shape[1] - positions,
            np.maximum(positions - np.maximum(begins, 1) + 1, 0).astype("int32"),
        ]
    )
    segments = np.where((kinds == SOURCE_TO_TARGET)[:, None], segments, 0)
    return orders[kinds, np.arange(count)].astype("int32"), segments.astype("int32")
