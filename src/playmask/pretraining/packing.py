"""Packing: pieces of documents laid side by side in full rows, and batches of such rows."""

from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from playmask.pretraining.corpus import Corpus
from playmask.pretraining.step_batches import Prepare, StepBatches
from playmask.pretraining.tokenization import SPECIAL, WORD, Array
from playmask.tokenizers.encoding import Frame


class Pieces(NamedTuple):
    """The pieces of all rows, one after the other.

    Shapes: starts int64 (P,), in the corpus; sizes int64 (P,), tokens of the corpus; framed bool
            (P,), whether special tokens stand around it; rows int64 (R + 1,), where each row's
            pieces begin
    """

    starts: Array
    sizes: Array
    framed: Array
    rows: Array


class PackedRows(NamedTuple):
    """Rows of tokens of several texts each, padded at their end.

    texts: which of the row's texts, -1 the padding; positions: within the text; second: of a framed
    text, where its second half begins
    Shapes: (B, T) each; weights float32 (B,), 0 where a row only fills the batch
    """

    tokens: Array
    texts: Array
    positions: Array
    flags: Array
    weights: Array

    @property
    def valid(self) -> Array:
        """Which tokens are no padding."""
        return self.texts >= 0

    @property
    def inputs(self) -> dict[str, Array]:
        """What the network takes of them."""
        same = ("tokens", "texts", "positions")
        return {**{name: getattr(self, name) for name in same}, "valid": self.valid}


def pack(documents: Sequence[int] | Array, offsets: Array, length: int, framing: int) -> Pieces:
    """Fill rows with documents, each cut where its row ends and continued in the next.

    A row is full but for the last. Each piece has special tokens around it, where the row has room
    for them and a token: at a row's end that may lack so many tokens, the next document begins
    without them.
    length: of a row; framing: how many special tokens are around a piece
    """
    starts, sizes, framed, rows = array("q"), array("q"), array("b"), array("q", [0])
    room = length
    for document in documents:
        start, stop = int(offsets[document]), int(offsets[document + 1])
        while start < stop:
            around = framing if room > framing else 0
            size = min(stop - start, room - around)
            starts.append(start)
            sizes.append(size)
            framed.append(room > framing)
            start, room = start + size, room - size - around
            if not room:
                rows.append(len(starts))
                room = length
    if rows[-1] < len(starts):
        rows.append(len(starts))
    return Pieces(np.array(starts), np.array(sizes), np.array(framed, bool), np.array(rows))


def assembled(
    corpus: Corpus, pieces: Pieces, rows: Array, *, length: int, frame: Frame, pad: int
) -> PackedRows:
    """The rows with some numbers; a number below 0 stands for a row that only fills the batch."""
    shape = len(rows), length
    tokens, texts = np.full(shape, pad, "int32"), np.full(shape, -1, "int32")
    positions, flags = np.zeros(shape, "int32"), np.full(shape, SPECIAL, "uint8")
    head, end = np.array(frame.head, "int32"), np.array(frame.end, "int32")
    for i, row in enumerate(np.where(rows < 0, -1 - rows, rows)):
        place = 0
        for text, piece in enumerate(range(pieces.rows[row], pieces.rows[row + 1])):
            start, size, framed = (column[piece] for column in pieces[:3])
            before, after = (len(head), len(end)) if framed else (0, 0)
            inside = slice(place + before, place + before + size)
            stop = inside.stop + after
            tokens[i, inside] = corpus.tokens[start : start + size]
            flags[i, inside] = corpus.flags[start : start + size]
            flags[i, inside.start] |= WORD
            if framed:
                tokens[i, place : inside.start], tokens[i, inside.stop : stop] = head, end
            texts[i, place:stop], positions[i, place:stop] = text, np.arange(stop - place)
            place = stop
    return PackedRows(tokens, texts, positions, flags, (rows >= 0).astype("float32"))


class PackedBatches(StepBatches):
    """Batches of packed rows; in each pass documents are packed, and rows ordered, anew."""

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
        self.corpus, self.documents = corpus, documents
        self.length, self.frame, self.pad = length, frame, options.pop("pad", 0)
        self._plan = lru_cache(maxsize=2)(self._make_plan)
        super().__init__(prepare, batch_size=batch_size, **options)

    def order(self, turn: int) -> Array:
        """The numbers of the rows of a pass, in their order."""
        return self._plan(turn)[1]

    def assemble(self, turn: int, rows: Array) -> PackedRows:
        """The rows with some numbers in a pass."""
        pieces, _ = self._plan(turn)
        return assembled(
            self.corpus, pieces, rows, length=self.length, frame=self.frame, pad=self.pad
        )

    def _make_plan(self, turn: int) -> tuple[Pieces, Array]:
        """The pieces of a pass, and the order of its rows."""
        random = self.random(0, turn)
        documents = self.documents if self.fixed else random.permutation(self.documents)
        framing = len(self.frame.head) + len(self.frame.end)
        pieces = pack(documents, self.corpus.offsets, self.length, framing)
        order = np.arange(len(pieces.rows) - 1)
        return pieces, order if self.fixed else random.permutation(order)
