"""Saved tasks as the server has them: what each can do, read off its class."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from playmask.data.examples import Example
from playmask.errors import ConfigError
from playmask.server.served import (
    CHARACTER,
    COMPLETE,
    EMBED,
    PREDICT,
    RERANK,
    Completion,
    Decoding,
    Fields,
    Prompt,
    Row,
    Vector,
)
from playmask.server.writing import ServedWriter
from playmask.tasks.ensemble import Ensemble
from playmask.tasks.extraction.universal import UniversalExtractor
from playmask.tasks.loading import load_text_task
from playmask.tasks.reading.base import Reader
from playmask.tasks.similarity.encoder import SentenceEncoder
from playmask.tasks.similarity.pairs import SentencePair
from playmask.tasks.similarity.reranker import Reranker
from playmask.tasks.similarity.settings import EncoderSettings, RerankerSettings
from playmask.tasks.writing.mask_fill import MASK, MaskFill
from playmask.tasks.writing.settings import LanguageModelSettings, Seq2SeqSettings

ABILITIES: Mapping[str, tuple[type, ...]] = {
    EMBED: (EncoderSettings,),
    RERANK: (RerankerSettings,),
    COMPLETE: (LanguageModelSettings, Seq2SeqSettings),
}
"""The settings of tasks that can do more than predict."""
PAIRED = (Reader, Reranker, SentencePair)
WRITERS = 4  # texts that a task writes at once


class ServedTask:
    """A saved task, or an ensemble of such, as the server has it; see `Served`."""

    def __init__(self, name: str, task: Any) -> None:
        self.name, self.task = name, task
        self.kind: str = task.name
        self._first = task.members[0] if isinstance(task, Ensemble) else task
        able = {each for each, kinds in ABILITIES.items() if isinstance(task.settings, kinds)}
        self.abilities = frozenset({PREDICT, *able})
        self.pairs = _pairs_of(self._first)
        self.size = int(task.settings.size or task.network.size) if EMBED in able else 0
        self.threads = WRITERS if COMPLETE in able else 1
        self._writing = _writing_of(task) if COMPLETE in able else None
        self.continues = COMPLETE in able and bool(task.writer.continues)

    def tokens(self, rows: Sequence[Row]) -> list[int]:
        """How many tokens of each row are read; a task of windows reads all."""
        parts = [*zip(*map(_parts, rows), strict=True)]
        counts = [len(each) for each in self._first.tokenizer.encode(*map(list, parts))]
        if hasattr(self._first, "windows"):
            return counts
        return [min(count, self._first.settings.row_length) for count in counts]

    def predict(self, rows: Sequence[Row], schema: str | None = None) -> list[Fields]:
        """The answer to each row, as `playmask predict` prints it."""
        options: Fields = {} if schema is None else {"schema": schema}
        if options and not isinstance(self.task, UniversalExtractor):
            raise ConfigError(f"A task {self.kind!r} takes no schema.")
        answers = self.task.predict([*rows], **options)
        both = zip(rows, answers, strict=True)
        return [self.task.answer_json(Example(*_parts(row)), answer) for row, answer in both]

    def vectors(self, rows: Sequence[Row], size: int | None = None) -> list[Vector]:
        """The vector of each text."""
        return list(np.asarray(self.task.encode([*rows], size=size), "float32"))

    def room(self, prompt: str) -> int:
        """How many tokens are written where nobody says."""
        return self._writer.room(prompt)

    def write(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """The text that follows each prompt."""
        return self._writer.write(prompts, decoding)

    def stream(
        self, prompt: Prompt, decoding: Decoding, stopped: Callable[[], bool]
    ) -> Iterator[Completion]:
        """The same of one prompt, piece by piece."""
        return self._writer.stream(prompt, decoding, stopped)

    @property
    def _writer(self) -> ServedWriter:
        if self._writing is None:
            raise ConfigError(f"A task {self.kind!r} writes no texts.")
        return self._writing

    def warm(self) -> None:
        """Run every shape that requests come to; from then on no other one is planned."""
        if self._writing is not None:
            self._writing.warm()
            return
        schema = CHARACTER if self._needs_schema() else None
        predictors = [each.predictor for each in getattr(self.task, "members", (self.task,))]
        rows = {length: self._row_of(length) for _, length in predictors[0].shapes}
        for size, length in predictors[0].shapes:
            self.predict([rows[length]] * size, schema)
        for predictor in predictors:
            predictor.keep_shapes()

    def _needs_schema(self) -> bool:
        return isinstance(self.task, UniversalExtractor) and not self.task.settings.schema

    def _row_of(self, length: int) -> Row:
        """A row of `length` tokens, or of as many below as a text can have."""
        gap = MASK if isinstance(self.task, MaskFill) else ""
        low, high = 1, length
        while low < high:
            middle = (low + high + 1) // 2
            fits = self._tokens_of(self._paired(CHARACTER * middle + gap)) <= length
            low, high = (middle, high) if fits else (low, middle - 1)
        return self._paired(CHARACTER * low + gap)

    def _tokens_of(self, row: Row) -> int:
        return len(self._first.tokenizer.encode(*_parts(row)))

    def _paired(self, text: str) -> Row:
        return (CHARACTER, text) if self.pairs else text


def _writing_of(task: Any) -> ServedWriter:
    """What writes a task's completions."""
    return ServedWriter(task.writer, getattr(task.settings, "max_source", task.settings.max_length))


def load_served(name: str, directory: Path) -> ServedTask:
    """Load what lies in a directory, to be served under a name; raises what loading raises."""
    return ServedTask(name, load_text_task(directory, "the server"))


def _parts(row: Row) -> tuple[str, ...]:
    return (row,) if isinstance(row, str) else row


def _pairs_of(task: Any) -> bool | None:
    """Whether a task takes pairs alone, texts alone, or (None) both."""
    if isinstance(task, PAIRED):
        return True
    return None if isinstance(task, SentenceEncoder) else getattr(task.settings, "pairs", False)
