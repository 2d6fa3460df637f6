"""Packing: pieces of documents laid side by side in full rows, and batches of such rows."""

from array import array
from collections.abc import Callable, Sequence
from copy import copy
from functools import lru_cache
from typing import Any, NamedTuple

import keras
import numpy as np

from playmask.errors import ConfigError
from playmask.pretraining.corpus import Corpus
from playmask.pretraining.tokenization import SPECIAL, WORD, Array
from playmask.runtime.batches import Batch
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


Prepare = Callable[[PackedRows, np.random.Generator], Batch]


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


class PackedBatches(keras.utils.PyDataset):
    """Batches of packed rows, each a function of (seed, epoch, index) alone.

    In each pass over the corpus the documents are packed in another order, and the rows shuffled;
    what is masked is drawn anew. So a training is taken up at any step, and nothing but the step's
    number is kept. Passes may need a few rows more or less than the first, by which steps are
    counted: those beyond them are left out, and what lacks is filled up with rows of weight 0.

    documents: their numbers; prepare: makes a batch of rows, see `objectives/`; steps: to an epoch,
    default those of a pass; fixed: for measuring, in the documents' order with the same draws each
    time; share: (process, processes): which rows of each batch are this process' own
    Raises: ConfigError where processes do not divide the batch size
    """

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
        super().__init__()
        self.corpus, self.documents, self.prepare = corpus, documents, prepare
        self.length, self.frame, self.batch_size = length, frame, batch_size
        self.pad: int = options.pop("pad", 0)
        self.seed: int = options.pop("seed", 0)
        self.fixed: bool = options.pop("fixed", False)
        self.share: tuple[int, int] = options.pop("share", (0, 1))
        steps: int | None = options.pop("steps", None)
        if options:
            raise TypeError(f"{self.__class__.__name__} has no {next(iter(options))}.")
        if batch_size % self.share[1]:
            raise ConfigError(
                f"A batch of {batch_size} rows cannot be shared by {self.share[1]} processes; give "
                "a multiple of that as batch_size."
            )
        self._plan = lru_cache(maxsize=2)(self._make_plan)
        self.steps_of_pass = -(-len(self._plan(0)[1]) // batch_size)
        self.steps = steps or self.steps_of_pass
        self.epoch = 0

    @property
    def rows_of_pass(self) -> int:
        """How many rows the first pass has."""
        return len(self._plan(0)[1])

    def set_epoch(self, epoch: int) -> None:
        """Order the batches as in this epoch, counted from 0."""
        self.epoch = epoch

    def on_epoch_end(self) -> None:
        """Go on to the next epoch, where no callback does."""
        self.set_epoch(self.epoch + 1)

    def part(self, which: slice) -> "PackedBatches":
        """The batches that measure: a few at their beginning, or all."""
        few = copy(self)
        few.steps = min(self.steps, which.stop or self.steps)
        return few

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> Batch:
        step = index if self.fixed else self.epoch * self.steps + index
        turn, place = divmod(step, self.steps_of_pass)
        rows = self.rows(turn, place)
        random = np.random.default_rng((self.seed, 1, turn, place))
        batch = self.prepare(self.assemble(turn, rows), random)
        process, processes = self.share
        if processes == 1:
            return batch
        own: Batch = keras.tree.map_structure(lambda x: x[process::processes], batch)
        return own

    def rows(self, turn: int, place: int) -> Array:
        """The numbers of a batch's rows in a pass; below 0 where one only fills the batch."""
        _, order = self._plan(turn)
        chosen = order[place * self.batch_size : (place + 1) * self.batch_size]
        filled = np.resize(chosen if len(chosen) else order, self.batch_size)
        filled[len(chosen) :] = -1 - filled[len(chosen) :]
        return filled

    def assemble(self, turn: int, rows: Array) -> PackedRows:
        """The rows with some numbers in a pass."""
        pieces, _ = self._plan(turn)
        options = {"length": self.length, "frame": self.frame, "pad": self.pad}
        return assembled(self.corpus, pieces, rows, **options)  # type: ignore[arg-type]

    def _make_plan(self, turn: int) -> tuple[Pieces, Array]:
        """The pieces of a pass, and the order of its rows."""
        random = np.random.default_rng((self.seed, 0, turn))
        documents = self.documents if self.fixed else random.permutation(self.documents)
        framing = len(self.frame.head) + len(self.frame.end)
        pieces = pack(documents, self.corpus.offsets, self.length, framing)
        order = np.arange(len(pieces.rows) - 1)
        return pieces, order if self.fixed else random.permutation(order)
