"""Reading comprehension by writing: the answer is written, copied from the passage."""

from collections.abc import Sequence
from functools import cached_property
from itertools import starmap
from typing import TYPE_CHECKING, Any

import numpy as np

from playmask.data.passages import PassageQuestion
from playmask.errors import DataError
from playmask.generation import Beams, Copy, generate
from playmask.runtime.padding import Batch, Row
from playmask.tasks.encoded import Encoded
from playmask.tasks.reading.base import Odds, Reader, check_answers
from playmask.tasks.reading.settings import CopyingSettings
from playmask.tasks.selection import Network
from playmask.tasks.task import Fields
from playmask.tasks.windows import Window
from playmask.tasks.writing.replacement import Written
from playmask.tasks.writing.seq2seq import Seq2Seq
from playmask.tasks.writing.source_target import SourceTarget
from playmask.tasks.writing.writer import plain_options
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer
    from playmask.tasks.objective import Objective
    from playmask.tasks.writing.token_network import TokenNetwork

LANES = 4  # texts that are followed at a time
SURE = 1 - 1e-9
LOST = -1e6  # scores below are of texts that may not be


class CopyingReader(Reader[CopyingSettings]):
    """Answers questions about passages by writing a span of them, token after token.

    [CLS] question [SEP] passage [SEP] answer [SEP]; of a window without the answer, nothing is
    written.

    Shapes: `predict` takes (question, passage) or a list of them, and answers with an Answer each
    Units:  characters; scores are probabilities
    Raises: ConfigError for answers longer than what windows share
    Source: Su 2020 (kexue 7115)

    Example:
        >>> unilm = playmask.load(path, heads="mlm", mask="unilm")
        >>> task = CopyingReader.new(unilm, max_length=32, max_answer=4)
        >>> answer = task.predict(("谁写了故乡？", "鲁迅写了故乡。"))
        >>> answer.text == "鲁迅写了故乡。"[answer.start : answer.end]
        True
    """

    settings_class = CopyingSettings

    def __init__(self, network: Network, tokenizer: Tokenizer, settings: CopyingSettings) -> None:
        super().__init__(network, tokenizer, settings)
        check_answers(self, settings.max_answer)

    @classmethod
    def open(
        cls, path: Any, settings: CopyingSettings | None = None, **options: Any
    ) -> "Transformer":
        """Load an encoder-decoder, or any other model with the UniLM mask."""
        return Seq2Seq.open(path, **options)

    @classmethod
    def model_options(cls, settings: CopyingSettings) -> Fields:
        """The vocabulary head, and the mask that lets one stack write."""
        return {"heads": "mlm", "mask": "unilm"}

    @classmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: CopyingSettings
    ) -> "TokenNetwork":
        """The Transformer's logits, where it can write on from a source."""
        from playmask.tasks.writing.token_network import writing_network

        return writing_network(transformer)

    @cached_property
    def form(self) -> SourceTarget:
        """How windows and answers become rows."""
        return SourceTarget(
            self.network.text_model, self.tokenizer, self.reads, self.settings.max_answer + 1
        )

    @property
    def reads(self) -> int:
        """The tokens of a question and what is seen of its passage, special ones included."""
        return self.settings.max_length - self.settings.max_answer - 1

    @property
    def objective(self) -> "Objective":
        """Nats a token, and the accuracy of tokens."""
        from playmask.tasks.writing.token_network import token_objective

        return token_objective()

    def encode_examples(self, examples: Sequence[PassageQuestion]) -> Encoded:
        """The windows that show an answer whole, with the first of them, or none at all.

        One that shows no more than a part of an answer teaches nothing, nor does a longer answer.
        """
        short, sources, answers, texts = self._short(examples), [], [], []
        for window in self.learnt_windows(examples):
            question = examples[window.text]
            whole = [
                question.text[slice(*place)]
                for place in question.places
                if window.whole(*place) and question.text[slice(*place)] in short
            ]
            if whole or not any(starmap(window.tokens_of, question.places)):
                sources.append(window.encoding.ids)
                answers.append(whole[0] if whole else "")
                texts.append(window.text)
        return self.form.encode(sources, self.form.targets(answers))._replace(examples=texts)

    def _short(self, examples: Sequence[PassageQuestion]) -> set[str]:
        """The answers that can be written whole, with their end."""
        stated = sorted({each.text[slice(*place)] for each in examples for place in each.places})
        encodings = self.tokenizer.encode(stated, special=False)
        longest = self.settings.max_answer
        short = {a for a, e in zip(stated, encodings, strict=True) if len(e) <= longest}
        if stated and not short:
            raise DataError(f"No question has an answer of at most {longest} tokens.")
        return short

    def row(self, text: tuple[str, str]) -> Row:
        """The network's inputs for a question and the beginning of its passage."""
        return {"tokens": self.windows([text])[0].encoding.ids}

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which token comes next, everywhere in an answer."""
        return self.form.prepare(batch)

    def written(self, batch: Batch) -> Written:
        """The tokens of answers that are read to write on."""
        return self.form.written(batch[0])

    def odds(self, windows: Sequence[Window], texts: Sequence[str]) -> list[Odds]:
        """What each window may answer; what is not among the likeliest texts counts as nothing."""
        end = self.tokenizer.sep or 0
        passages = [passage_of(window) for window in windows]
        copied = Copy(also=(end,), fragment=True, sources=passages)
        options = {"end": end, "constrain": copied}
        written = generate(
            self.network.text_model,
            [window.encoding.ids for window in windows],
            max_tokens=self.form.max_target,
            search=Beams(LANES),
            **plain_options(self.network.text_model, self.tokenizer, options),
        )
        return [
            self._odds(window, tokens, scores)
            for window, tokens, scores in zip(windows, written.tokens, written.scores, strict=True)
        ]

    def _odds(self, window: Window, texts: Any, scores: Sequence[float]) -> Odds:
        """The odds of what was written: of a text in several places, each place has a part."""
        begins, offsets = window.begins(self.settings.max_answer), window.offsets
        source, end = passage_of(window), self.tokenizer.sep
        spans: list[tuple[int, int, float]] = []
        for tokens, score in zip(texts, scores, strict=True):
            tokens = [token for token in tokens if token != end]
            firsts = [i for i in begins if tokens and source[i : i + len(tokens)] == tokens]
            for first in firsts if score > LOST else ():
                start, stop = offsets[first][0], offsets[first + len(tokens) - 1][1]
                spans.append((start, stop, float(np.exp(score) / len(firsts))))
        places = np.array([each[:2] for each in spans], "int64").reshape(-1, 2)
        chances = np.array([each[2] for each in spans], "float64")
        odds = np.log(chances) - np.log1p(-min(chances.sum(), SURE))
        return Odds(places, odds, float(np.logaddexp.reduce(odds)))


def passage_of(window: Window) -> list[int]:
    """The tokens of its passage that a window shows."""
    return window.encoding.ids[window.head : window.head + window.last - window.first]
