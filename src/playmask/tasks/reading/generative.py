"""Reading comprehension by writing: the answer is written, copied from the passage."""

from collections.abc import Sequence
from itertools import starmap
from typing import Any, ClassVar, Self

import numpy as np

from playmask.data.examples import Example
from playmask.errors import DataError
from playmask.generation import Beams, Copy, generate
from playmask.runtime.batches import Row
from playmask.tasks.reading.base import Odds, Reader, check_answers
from playmask.tasks.windows import Window
from playmask.tasks.writing.seq2seq import Seq2Seq

LANES = 4  # texts that are followed at a time
SURE = 1 - 1e-9
LOST = -1e6  # scores below are of texts that may not be


class CopyingReader(Reader, Seq2Seq):  # type: ignore[misc]  # it answers as a Reader
    """Answers questions about passages by writing a stretch of them, token after token.

    [CLS] question [SEP] passage [SEP] answer [SEP]; of a window without the answer, nothing is
    written.
    Source: kexue.fm 7115
    """

    kind: ClassVar[str] = "read-copying"

    @classmethod
    def new(  # type: ignore[override]
        cls, model: Any, *, tokenizer: Any = None, max_length: int = 256, max_answer: int = 30
    ) -> Self:
        """Take a model, or the checkpoint at a path.

        max_length: tokens that are read and written at once, special ones included; max_answer:
        those of an answer, at most what windows share
        """
        sizes = {"max_source": max_length - max_answer - 1, "max_target": max_answer + 1}
        task = super().new(model, tokenizer=tokenizer, **sizes)
        check_answers(task, max_answer)
        return task

    @property
    def reads(self) -> int:
        """The tokens of a question and what is seen of its passage, special ones included."""
        return self.settings["max_source"]

    def rows(self, examples: Sequence[Any]) -> list[Row]:
        """The tokens of each window, with its answer where one stack writes."""
        return super().rows(self._learnt(examples))

    def targets(self, examples: Sequence[Any]) -> np.ndarray:
        """The tokens of each window's answer for a decoder."""
        return super().targets(self._learnt(examples))

    def _learnt(self, examples: Sequence[Any]) -> list[Any]:
        """The windows that show an answer whole, with the first of them, or none at all.

        One that shows no more than a part of an answer teaches nothing, nor does a longer answer.
        """
        short, found = self._short(examples), []
        for window in self.windows(examples):
            _, text, _, places, *_ = examples[window.text]
            stated = [text[slice(*place)] for place in places if window.whole(*place)]
            whole = [each for each in stated if each in short]
            if whole or not any(starmap(window.tokens_of, places)):
                found.append(Example(window, whole[0] if whole else ""))  # type: ignore[arg-type]
        return found

    def _short(self, examples: Sequence[Any]) -> set[str]:
        """The answers that can be written whole, with their end."""
        longest = self.settings["max_target"] - 1
        stated = sorted({text[slice(*at)] for _, text, _, places, *_ in examples for at in places})
        encodings = self.tokenizer.encode(stated, special=False)
        short = {a for a, e in zip(stated, encodings, strict=True) if len(e) <= longest}
        if stated and not short:
            raise DataError(f"No question has an answer of at most {longest} tokens.")
        return short

    def _sources(self, windows: Sequence[Any]) -> list[list[int]]:
        return [window.encoding.ids for window in windows]

    def odds(self, windows: Sequence[Window], texts: Sequence[str]) -> list[Odds]:
        """What each window may answer; what is not among the likeliest texts counts as nothing."""
        end = self.tokenizer.sep or 0
        sources = [passage_of(window) for window in windows]
        copied = Copy(also=(end,), fragment=True, sources=sources)
        found = generate(
            self.transformer,
            self._sources(windows),
            max_tokens=self.settings["max_target"],
            search=Beams(LANES),
            **self._options({"end": end, "constrain": copied}, {}),
        )
        return [
            self._odds(window, tokens, scores)
            for window, tokens, scores in zip(windows, found.tokens, found.scores, strict=True)
        ]

    def _odds(self, window: Window, texts: Any, scores: Sequence[float]) -> Odds:
        """The odds of what was written: of a text in several places, each place has a part."""
        begins, offsets = window.begins(self.settings["max_target"] - 1), window.offsets
        source, end = passage_of(window), self.tokenizer.sep
        found: list[tuple[int, int, float]] = []
        for tokens, score in zip(texts, scores, strict=True):
            tokens = [token for token in tokens if token != end]
            firsts = [i for i in begins if tokens and source[i : i + len(tokens)] == tokens]
            for first in firsts if score > LOST else ():
                start, stop = offsets[first][0], offsets[first + len(tokens) - 1][1]
                found.append((start, stop, float(np.exp(score) / len(firsts))))
        places = np.array([each[:2] for each in found], "int64").reshape(-1, 2)
        chances = np.array([each[2] for each in found], "float64")
        odds = np.log(chances) - np.log1p(-min(chances.sum(), SURE))
        return Odds(places, odds, float(np.logaddexp.reduce(odds)))


def passage_of(window: Window) -> list[int]:
    """The tokens of its passage that a window shows."""
    return window.encoding.ids[window.head : window.head + window.last - window.first]
