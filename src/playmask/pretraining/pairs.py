"""Pairs of similar texts: lines of one document, each row a source and its target."""

from typing import Any, NamedTuple

import numpy as np

from playmask.errors import ConfigError, DataError
from playmask.pretraining.corpus import Corpus
from playmask.pretraining.step_batches import Prepare, StepBatches
from playmask.pretraining.tokenization import PARAGRAPH, Array
from playmask.tokenizers.encoding import Frame


class PairedRows(NamedTuple):
    """Rows of a source and its target; rows 2i and 2i + 1 are the same pair both ways round.

    segments: 1 for the target and what ends it; documents: the document of each row's texts
    Shapes: (B, T) each; documents int32 (B,); weights float32 (B,), 0 where a row fills the batch
    """

    tokens: Array
    segments: Array
    valid: Array
    documents: Array
    weights: Array


class PairBatches(StepBatches):
    """Batches of pairs: of each document two of its paragraphs, drawn anew in each pass.

    Raises: DataError where no document has two paragraphs; ConfigError for an odd batch size
    """

    rows_together = 2

    def __init__(
        self,
        corpus: Corpus,
        documents: Array,
        prepare: Prepare,
        *,
        length: int,
        frame: Frame,
        batch_size: int,
        **options: Any,
    ) -> None:
        self.corpus, self.length, self.frame = corpus, length, frame
        self.pad: int = options.pop("pad", 0)
        begins = np.concatenate([[0], np.cumsum(corpus.flags & PARAGRAPH > 0)])
        counts = begins[corpus.offsets[1:]] - begins[corpus.offsets[:-1]]
        self.documents = documents[counts[documents] > 1]
        if not len(self.documents):
            raise DataError("No document has two lines, which are to be similar texts.")
        if batch_size % self.rows_together:
            raise ConfigError(
                f"Pairs are compared within a batch of {batch_size} rows; give an even batch_size."
            )
        super().__init__(prepare, batch_size=batch_size, **options)

    def order(self, turn: int) -> Array:
        """Each document twice in a row, the second time the other way round."""
        documents = self.documents
        if not self.fixed:
            documents = self.random(0, turn).permutation(documents)
        both: Array = (2 * documents[:, None] + np.arange(2)).reshape(-1)
        return both

    def assemble(self, turn: int, rows: Array) -> PairedRows:
        """The rows with some numbers in a pass."""
        shape, numbers = (len(rows), self.length), np.where(rows < 0, -1 - rows, rows)
        tokens, valid = np.full(shape, self.pad, "int32"), np.zeros(shape, bool)
        segments = np.zeros(shape, "int32")
        for i, number in enumerate(numbers):
            source, target = self._pair(turn, int(number) // 2, bool(number % 2))
            first = [*self.frame.head, *source, *self.frame.between]
            row = [*first, *target, *self.frame.end]
            tokens[i, : len(row)], valid[i, : len(row)] = row, True
            segments[i, len(first) : len(row)] = 1
        weights = (rows >= 0).astype("float32")
        return PairedRows(tokens, segments, valid, (numbers // 2).astype("int32"), weights)

    def _pair(self, turn: int, document: int, exchanged: bool) -> list[Array]:
        """Two paragraphs of a document, each cut to its half of a row."""
        start, stop = self.corpus.offsets[document : document + 2]
        begins = start + np.flatnonzero(self.corpus.flags[start:stop] & PARAGRAPH)
        chosen = self.random(2, turn, document).permutation(len(begins))[:2]
        ends = np.append(begins[1:], stop)
        most = half_of(self.length, self.frame)
        pair = [self.corpus.tokens[begins[i] : min(ends[i], begins[i] + most)] for i in chosen]
        return pair[::-1] if exchanged else pair


def half_of(length: int, frame: Frame) -> int:
    """How many tokens each text of a pair has at most."""
    return (length - frame.size(2)) // 2
