"""Texts without labels, beside the labelled: a batch of them in each step of a training."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from playmask.data.lines import numbered, read_lines
from playmask.errors import ConfigError, DataError
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Batches
from playmask.runtime.padding import Batch, Prepare, Row, bucket, pad
from playmask.runtime.streamed_batches import StreamedBatches
from playmask.runtime.train.step import NUMBER, UNLABELLED


class Reading(Protocol):
    """A task, as texts without labels are read by it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def transformer(self) -> Transformer:
        """The Transformer inside."""

    def reads_lines(self, path: Path) -> bool:
        """Whether a file holds one text per line."""

    def read_inputs(self, path: Path, *, skip_bad: bool = False) -> Iterable[Any]:
        """Read what is to be predicted from a table."""

    def input_of(self, example: Any) -> Any:
        """What `predict` takes of an example."""

    def row(self, text: Any) -> Row:
        """The network's inputs for one text, or its beginning."""


def unlabelled_texts(task: Any, source: Any, *, skip_bad: bool) -> list[Any]:
    """Texts, or pairs, of a file or a sequence; none where there is no source.

    Raises: DataError for a bad line, and where there is no text
    """
    if source is None:
        return []
    if not isinstance(source, (str, Path)):
        texts = [*source]
    elif task.reads_lines(Path(source)):
        texts = [*_lines(Path(source), skip_bad=skip_bad)]
    else:
        texts = [task.input_of(x) for x in task.read_inputs(Path(source), skip_bad=skip_bad)]
    if not texts:
        raise DataError(f"{source} holds no text.")
    return texts


def _lines(path: Path, *, skip_bad: bool) -> Iterable[str]:
    def refuse(number: int, reason: str) -> None:
        if not skip_bad:
            raise DataError(f"{path}:{number}: {reason}")

    return (line for _, line in numbered(read_lines(path), refuse) if line.strip())


def join_texts(
    task: Reading,
    batches: Batches | StreamedBatches,
    texts: Sequence[Any],
    methods: Iterable[Any],
) -> None:
    """Let the batches hold what methods ask of them: texts without labels, and numbers.

    Raises: ConfigError where nobody takes the texts, the task learns from more than a text, or a
            stream, whose examples have no numbers, is to number them
    """
    methods = [*methods]
    numbering = [method for method in methods if getattr(method, "numbers", False)]
    if numbering and (isinstance(batches, StreamedBatches) or batches.classes is not None):
        raise ConfigError(
            f"{type(numbering[0]).__name__} needs all examples once in each epoch, which neither "
            "streams nor balanced epochs have."
        )
    if numbering and isinstance(batches, Batches):
        batches.numbered = NUMBER
    if not texts:
        return
    if not any(getattr(method, "takes_unlabelled", False) for method in methods):
        raise ConfigError(
            "There are texts without labels, but no method that learns from them; give "
            "adversarial='vat:1' or r_drop=4 (--adversarial vat:1, --r-drop 4)."
        )
    rows = [_row_of(task, text) for text in texts]
    (inputs, *_), own = batches[0], {*rows[0], "valid"}
    if others := sorted({*inputs} ^ own):
        raise ConfigError(
            f"A task {task.name!r} learns from more than a text ({others[0]!r}), so that texts "
            "without labels teach it nothing."
        )
    if isinstance(batches, Batches):
        _join_rows(batches, rows)
        return
    encode = batches.encode
    batches.encode = lambda examples, seed: _join_rows(encode(examples, seed), rows)
    batches.set_epoch(0)


def _row_of(task: Reading, text: Any) -> Row:
    try:
        return task.row(text)
    except (LookupError, TypeError, AttributeError):
        raise ConfigError(
            f"A task {task.name!r} learns from more than a text; {text!r:.60} alone teaches it "
            "nothing."
        ) from None


def _join_rows(batches: Batches, rows: Sequence[Row]) -> Batches:
    used, padding = batches.used_lengths, batches.padding
    batches.prepare = Unlabelled(rows, used, padding, batches.prepare)
    return batches


class Unlabelled:
    """The last change to a batch: joins as many texts without labels, as long as the batch's.

    They are drawn anew in each step, by (seed, epoch, batch): from those that a bucket of that
    length would hold; where these are too few, from shorter ones too; where there is none, from
    all. What is longer is cut, and keeps its last token, which ends the text.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        lengths: Sequence[int],
        padding: Mapping[str, int],
        prepare: Prepare | None,
    ) -> None:
        self.rows, self.lengths, self.padding, self.prepare = rows, lengths, padding, prepare
        sizes = [len(next(iter(row.values()))) for row in rows]
        self.sizes = np.minimum(sizes, lengths[-1])
        self.buckets = np.array([bucket(int(size), lengths) for size in self.sizes])

    def __call__(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Join the texts."""
        inputs, targets, weights = batch if self.prepare is None else self.prepare(batch, random)
        count, length = inputs["tokens"].shape
        pool = self._pool(length, count)
        chosen = random.choice(pool, count, replace=len(pool) < count)
        rows = [cut(self.rows[i], length) for i in chosen]
        joined = {
            key: pad([row[key] for row in rows], length, self.padding.get(key, 0))
            for key in rows[0]
        }
        sizes = np.array([len(next(iter(row.values()))) for row in rows])
        joined["valid"] = np.arange(length) < sizes[:, None]
        texts = {UNLABELLED + key: values for key, values in joined.items()}
        return {**inputs, **texts}, targets, weights

    def _pool(self, length: int, count: int) -> npt.NDArray[Any]:
        """The rows that a batch of some length takes."""
        own = bucket(min(length, self.lengths[-1]), self.lengths)
        fitting = np.flatnonzero(self.buckets == own)
        if len(fitting) < count:
            fitting = np.flatnonzero(self.sizes <= length)
        return fitting if len(fitting) else np.arange(len(self.rows))


def cut(row: Row, length: int) -> Row:
    """A row of at most some length; a longer one keeps its last token."""
    if len(next(iter(row.values()))) <= length:
        return row
    return {key: [*values[: length - 1], values[-1]] for key, values in row.items()}
