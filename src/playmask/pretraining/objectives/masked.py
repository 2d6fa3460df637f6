"""What objectives share that predict tokens at chosen places."""

from functools import cached_property
from typing import TypeVar

import numpy as np

from playmask.errors import ConfigError
from playmask.pretraining.masking import chosen_tokens, maskable, places_of, units_of
from playmask.pretraining.objectives.objective import PretrainingObjective
from playmask.pretraining.packing import PackedRows
from playmask.pretraining.settings import MaskingSettings
from playmask.pretraining.tokenization import Array
from playmask.tasks.writing.tokens import chosen

M = TypeVar("M", bound=MaskingSettings)


class ChoosingObjective(PretrainingObjective[M]):
    """An objective that chooses words, or n-grams of them, up to a share of each row."""

    @property
    def words(self) -> str | None:  # type: ignore[override]
        """The segmenter by which words are masked whole."""
        return self.settings.words

    @property
    def mask(self) -> int:
        """The id of the mask's token; raises ConfigError where there is none."""
        if self.tokenizer.mask is None:
            raise ConfigError("The tokenizer has no token for gaps, such as [MASK].")
        return self.tokenizer.mask

    @cached_property
    def others(self) -> Array:
        """The ids that may stand in a masked token's place: none that is special."""
        special = {*self.tokenizer.special.values()}
        return np.array([i for i in range(len(self.tokenizer)) if i not in special], "int32")

    def choose(self, rows: PackedRows, random: np.random.Generator) -> Array:
        """Which tokens are chosen: bool (B, T)."""
        most = places_of(self.settings.rate, self.settings.max_length)
        units = units_of(rows, self.settings.ngrams, random)
        return chosen_tokens(maskable(rows), units, self.settings.rate, most, random)

    def places(self, rows: PackedRows, taken: Array) -> tuple[Array, Array, Array]:
        """Places of what is taken, the tokens there, and what each place counts: (B, R) each."""
        most = places_of(self.settings.rate, self.settings.max_length)
        places, there = chosen(taken, most)
        targets = np.take_along_axis(rows.tokens, places, 1)
        return places, targets, there * rows.weights[:, None]
