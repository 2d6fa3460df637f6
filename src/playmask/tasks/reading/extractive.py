"""Reading comprehension: which span of a passage answers a question."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from playmask.data.offsets import places_of
from playmask.data.passages import PassageQuestion
from playmask.errors import ConfigError, DataError, InputError
from playmask.labelling.candidates import HIDDEN
from playmask.runtime.padding import Row, pad
from playmask.tasks import on_demand
from playmask.tasks.encoded import Encoded
from playmask.tasks.question import Question
from playmask.tasks.reading.base import Answer, Odds, Reader, check_answers, pair_of
from playmask.tasks.reading.settings import ReaderSettings
from playmask.tasks.reading.span_candidates import BEGINS, CANDIDATES, LIKELIEST, SHOWN
from playmask.tasks.selection import Network
from playmask.tasks.task import Fields
from playmask.tasks.windows import Window
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.masks import Tensor
    from playmask.model.transformer import Transformer
    from playmask.tasks.objective import Objective
    from playmask.tasks.reading.span_networks import PassageNetwork


class ReadingComprehension(Reader[ReaderSettings]):
    """Answers questions about passages by a score for each span of up to max_answer tokens.

    Shapes: `predict` takes (question, passage) or a list of them, and answers with an Answer each
    Units:  characters; scores are probabilities
    Raises: ConfigError for answers longer than what windows share
    Source: method "mask-fill": Su 2020 (kexue 7148)

    Example:
        >>> task = ReadingComprehension.new(model, max_length=32, max_answer=4)
        >>> answer = task.predict(("谁写了故乡？", "鲁迅写了故乡。"))
        >>> answer.text == "鲁迅写了故乡。"[answer.start : answer.end]
        True
    """

    settings_class = ReaderSettings
    selection = LIKELIEST
    best: ClassVar[str | None] = "f1"

    def __init__(self, network: Network, tokenizer: Tokenizer, settings: ReaderSettings) -> None:
        super().__init__(network, tokenizer, settings)
        check_answers(self, settings.max_answer)

    @classmethod
    def model_options(cls, settings: ReaderSettings) -> Fields:
        """The heads that the method needs."""
        from playmask.tasks.reading.span_networks import METHODS

        return {"heads": METHODS[settings.method].heads}

    @classmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: ReaderSettings
    ) -> "PassageNetwork":
        """Build the method's network around a Transformer."""
        from playmask.tasks.reading.span_networks import METHODS

        if transformer.architecture.decoder is not None:
            raise ConfigError(
                "A passage is read with an encoder; load this model with decoder=None."
            )
        return METHODS[settings.method].of(transformer, tokenizer, settings)

    @property
    def objective(self) -> "Objective":
        """Nats a window."""
        from playmask.labelling.spans import MarginalSpanCrossentropy

        return on_demand.Objective({"logits": MarginalSpanCrossentropy()})

    # Windows

    @property
    def masks(self) -> list[int]:
        """What stands in a row before the question: as many masks as an answer may have tokens."""
        if not self.settings.masked:
            return []
        mask = self.tokenizer.mask or 0
        return [mask] * self.settings.max_answer + [*self.tokenizer.frame.between]

    @property
    def reads(self) -> int:
        """The tokens of a row without its masks."""
        return self.settings.max_length - len(self.masks)

    def row_of(self, window: Window) -> Row:
        """The network's inputs for a window."""
        before, more = len(self.tokenizer.frame.head), self.masks
        row = self.inputs(window.encoding)
        also = {"tokens": more, "segments": [0] * len(more)}
        row = {name: [*v[:before], *also[name], *v[before:]] for name, v in row.items()}
        marks = np.zeros(len(row["tokens"]), "int32")
        passage = marks[len(more) + window.head :][: window.last - window.first]
        passage[:] = SHOWN
        begins = window.begins(self.settings.max_answer)
        passage[begins.start : begins.stop] = BEGINS
        return {**row, "marks": marks.tolist()}

    def row(self, text: tuple[str, str]) -> Row:
        """The network's inputs for a question and the beginning of its passage."""
        return self.row_of(self.windows([text])[0])

    def number(self, first: int, last: int) -> int:
        """Which of the network's logits is that of the tokens first … last of an encoding."""
        return 1 + (first + len(self.masks)) * self.settings.max_answer + last - first

    def encode_examples(self, examples: Sequence[PassageQuestion]) -> Encoded:
        """Each window that shows an answer whole, or none, and the numbers of what is right.

        One that shows no more than a part of an answer teaches nothing, nor does a longer answer.
        """
        rows, numbers, texts = [], [], []
        for window in self.learnt_windows(examples):
            right, parts = [], False
            for place in examples[window.text].places:
                ends = window.whole(*place)
                if ends is not None and ends[1] - ends[0] < self.settings.max_answer:
                    right.append(self.number(*ends))
                parts = parts or window.tokens_of(*place) is not None
            if right or not parts:
                rows.append(self.row_of(window))
                numbers.append(right or [0])
                texts.append(window.text)
        if not any(right != [0] for right in numbers):
            longest = self.settings.max_answer
            raise DataError(f"No question has an answer of at most {longest} tokens.")
        return Encoded(rows, pad(numbers, max(map(len, numbers)), -1), texts)

    def score(self, outputs: "dict[str, Tensor]", *targets: "Tensor") -> "Tensor":
        """The log-odds ln(p / (1 - p)) of an answer in a window, in nats: (B,)."""
        from keras import ops

        logits, (numbers,) = outputs["logits"], targets
        right = ops.logsumexp(ops.take(logits, numbers, axis=1), axis=1)
        there = ops.any(ops.arange(logits.shape[1])[:, None] == numbers, axis=1)
        return right - ops.logsumexp(ops.where(there, HIDDEN, logits), axis=1)

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How surely a text is the answer; without one, the likeliest."""
        pair = pair_of(0, tuple(texts))
        spans = [each for each in self.predict(pair, best=CANDIDATES) if each.text]
        chosen = next((each for each in spans if answer in (None, each.text)), None)
        if chosen is None:
            raise InputError(f"The task does not find the answer {answer!r:.40} in the passage.")
        windows = [each for each in self.windows([pair]) if each.whole(chosen.start, chosen.end)]
        window = max(windows, key=lambda each: each.margin(*_inside(each, chosen)))
        ends = [window.whole(*place) for place in places_of(pair[1], chosen.text)]
        more, before = len(self.masks), len(self.tokenizer.frame.head)
        offsets, sources = window.encoding.offsets, window.encoding.sources
        return Question(
            self.row_of(window),
            [*offsets[:before], *[(0, 0)] * more, *offsets[before:]],
            [*sources[:before], *[-1] * more, *sources[before:]],
            [len(pair[0]), window.offsets[-1][1]],
            chosen.text,
            (np.array([self.number(*each) for each in ends if each], "int32"),),
        )

    def odds(self, windows: Sequence[Window], texts: Sequence[str]) -> list[Odds]:
        """What each window may answer; a span belongs to one window of those that show it."""
        outputs = self.predictor([self.row_of(window) for window in windows])
        return [self._odds(*both) for both in zip(windows, outputs, strict=True)]

    def _odds(self, window: Window, output: Mapping[str, npt.NDArray[Any]]) -> Odds:
        scored = output["odds"] > HIDDEN / 2
        first, more = np.divmod(output["places"][scored], self.settings.max_answer)
        first = first - len(self.masks) - window.head
        offsets = np.array(window.offsets)
        places = np.stack([offsets[first, 0], offsets[first + more, 1]], axis=1)
        filled = places[:, 0] < places[:, 1]
        odds = output["odds"][scored].astype("float64")
        return Odds(places[filled], odds[filled], float(output["total"]))


def _inside(window: Window, answer: Answer) -> tuple[int, int]:
    """First and last of the text's tokens that an answer has, in a window that shows it whole."""
    first, last = window.whole(answer.start, answer.end) or (0, 0)
    return window.first + first - window.head, window.first + last - window.head
