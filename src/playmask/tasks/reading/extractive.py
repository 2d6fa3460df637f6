"""Reading comprehension: which stretch of a passage answers a question."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from playmask.data.offsets import places_of
from playmask.data.passages import Asked
from playmask.errors import ConfigError, DataError, InputError, nearest
from playmask.labelling.losses import HIDDEN
from playmask.labelling.spans import MarginalSpanCrossentropy, band_of_ends, band_of_tokens
from playmask.model.masks import Tensor
from playmask.model.rng import Dropout
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Row
from playmask.runtime.predictor import Predictor
from playmask.tasks.explaining import Question
from playmask.tasks.reading.base import CANDIDATES, Answer, Odds, Reader, check_answers, pair_of
from playmask.tasks.saving import load_reader
from playmask.tasks.task import TaskNetwork, open_model
from playmask.tasks.windows import Window
from playmask.tokenizers import Tokenizer

SHOWN, BEGINS = 1, 2
"""Marks of a passage's tokens: those that are shown, and where stretches may begin in prediction,
which is so in one window only; all else is 0."""


class StretchNetwork(TaskNetwork):
    """A Transformer that scores all stretches of a passage, and that none is the answer.

    Shapes: inputs as a Transformer's and marks (B, T) -> {"logits": (B, 1 + T·A)}: that of no
    answer, then those of the stretches by first token and length - 1, all in nats
    """

    heads: ClassVar[Any] = ()
    masked: ClassVar[bool] = False  # whether the answer stands in the row, as masks

    def __init__(self, transformer: Transformer, settings: Mapping[str, Any]) -> None:
        super().__init__(transformer)
        self.longest = settings["max_answer"]
        self.settings = settings

    def band(
        self, inputs: dict[str, Tensor], shown: Tensor, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Scores of stretches (B, T, A), and of no answer (B,)."""
        raise NotImplementedError

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score all stretches."""
        marks = inputs["marks"]
        inputs = {name: value for name, value in inputs.items() if name != "marks"}
        band, none = self.band(inputs, marks >= SHOWN, training)
        flat = ops.reshape(band, (ops.shape(band)[0], -1))
        return {"logits": ops.concatenate([none[:, None], flat], axis=1)}

    def candidates(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The likeliest stretches that begin here: log-odds against none, and places (B, K); all
        such stretches' odds together: (B,)."""
        logits = self(inputs, training=False)["logits"]
        begins = ops.repeat(inputs["marks"] == BEGINS, self.longest, axis=1)
        odds = ops.where(begins, logits[:, 1:] - logits[:, :1], HIDDEN)
        best, places = ops.top_k(odds, min(CANDIDATES, odds.shape[1]))
        return {"odds": best, "places": places, "total": ops.logsumexp(odds, axis=1)}


class PointerNetwork(StretchNetwork):
    """A score for the first token plus one for the last; no answer is [CLS] as both."""

    def __init__(self, transformer: Transformer, settings: Mapping[str, Any]) -> None:
        super().__init__(transformer, settings)
        self.dropout = Dropout(settings["dropout"])
        self.dense = keras.layers.Dense(
            2,
            kernel_initializer=transformer.architecture.initializer(),
            dtype="float32",
            name="ends",
        )
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the head's weights."""
        self.dense.build((None, None, self.transformer.architecture.width))

    def band(
        self, inputs: dict[str, Tensor], shown: Tensor, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Scores of stretches (B, T, A), and of no answer (B,)."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        ends = self.dense(self.dropout(hidden, training=training))
        first, last = (ops.where(shown, ends[..., i], HIDDEN) for i in (0, 1))
        return band_of_ends(first, last, self.longest), ops.sum(ends[:, 0], axis=-1)


class MaskNetwork(StretchNetwork):
    """The log-probability of a stretch's tokens, and [SEP] behind them, at masks in the row.

    Source: kexue.fm 7148, where tokens are picked one by one; here all stretches are compared
    """

    heads: ClassVar[Any] = "mlm"
    masked: ClassVar[bool] = True

    def __init__(self, transformer: Transformer, settings: Mapping[str, Any]) -> None:
        super().__init__(transformer, settings)
        if "mlm" not in transformer.head_names:
            raise ConfigError("Masks are filled by a model with heads='mlm'; this one has none.")
        self.build(None)

    def band(
        self, inputs: dict[str, Tensor], shown: Tensor, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Scores of stretches (B, T, A), and of no answer (B,)."""
        tokens, count = inputs["tokens"], self.longest
        masks = ops.arange(count, dtype="int32") + self.settings["first_mask"]
        read = ops.broadcast_to(masks, (ops.shape(tokens)[0], count))
        logits = self.transformer({**inputs, "read": read}, training=training)["logits"]
        logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        asked = tokens[:, None] + ops.zeros((count, 1), tokens.dtype)
        each = ops.where(shown[:, None], ops.take_along_axis(logs, asked, axis=-1), HIDDEN)
        ends = logs[..., self.settings["end"]]
        return band_of_tokens(each, ends, count), ends[:, 0]


WAYS: dict[str, type[StretchNetwork]] = {"pointers": PointerNetwork, "mask-fill": MaskNetwork}
"""How a stretch is scored: by its ends, or by its tokens."""


class ReadingComprehension(Reader):
    """Answers questions about passages by a score for each stretch of up to max_answer tokens."""

    kind: ClassVar[str] = "read"
    best: ClassVar[str | None] = "f1"

    @classmethod
    def open(cls, path: str | Path, *, way: str = "pointers", **options: Any) -> Transformer:
        """Load a pretrained model as a way needs it; options as of `playmask.load`."""
        return load_reader(path, **{"heads": heads_of(way), **options})

    @classmethod
    def new(
        cls,
        model: Transformer | str | Path,
        *,
        tokenizer: Tokenizer | None = None,
        way: str = "pointers",
        max_length: int = 256,
        max_answer: int = 30,
        dropout: float = 0.1,
    ) -> Self:
        """Put a fresh head on a Transformer, or on the checkpoint at a path.

        way: "pointers", to the first and the last token, or "mask-fill": the answer's tokens, all
        at once, by the masked language model; max_length: tokens that are read at once, special
        ones and masks included; max_answer: those of an answer, at most what windows share
        """
        heads_of(way)  # refuses what there is not
        transformer, tokenizer = open_model(model, tokenizer, lambda path: cls.open(path, way=way))
        settings = {
            "way": way,
            "max_length": max_length,
            "max_answer": max_answer,
            "dropout": dropout,
            "first_mask": len(tokenizer.frame.head),
            "end": tokenizer.sep,
        }
        if WAYS[way].masked and None in (tokenizer.mask, tokenizer.sep):
            raise ConfigError("The tokenizer has no tokens for gaps and ends ([MASK], [SEP] …).")
        task = cls(cls.make_network(transformer, settings), tokenizer, settings)
        check_answers(task, max_answer)
        return task

    @classmethod
    def make_network(cls, transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """Build the network around a Transformer."""
        if transformer.architecture.decoder is not None:
            raise ConfigError(
                "A passage is read with an encoder; load this model with decoder=None."
            )
        return WAYS[settings["way"]](transformer, settings)

    def make_predictor(self, function: Any = None) -> Predictor:
        """What answers with the likeliest stretches alone."""
        predictor = super().make_predictor(function or self.network.candidates)
        predictor.limits["marks"] = BEGINS + 1
        return predictor

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Give the network its loss: nats a window."""
        self.network.compile(
            optimizer,
            loss={"logits": MarginalSpanCrossentropy()},
            jit_compile=keras.backend.backend() == "jax",
        )

    # Windows

    @property
    def masks(self) -> list[int]:
        """What stands in a row before the question: as many masks as an answer may have tokens."""
        if not self.network.masked:
            return []
        mask = self.tokenizer.mask or 0
        return [mask] * self.network.longest + [*self.tokenizer.frame.between]

    @property
    def reads(self) -> int:
        """The tokens of a row without its masks."""
        return self.settings["max_length"] - len(self.masks)

    def row_of(self, window: Window) -> Row:
        """The network's inputs for a window."""
        before, more = self.settings["first_mask"], self.masks
        row = self.inputs(window.encoding)
        also = {"tokens": more, "segments": [0] * len(more)}
        row = {name: [*v[:before], *also[name], *v[before:]] for name, v in row.items()}
        marks = np.zeros(len(row["tokens"]), "int32")
        passage = marks[len(more) + window.head :][: window.last - window.first]
        passage[:] = SHOWN
        begins = window.begins(self.network.longest)
        passage[begins.start : begins.stop] = BEGINS
        return {**row, "marks": marks.tolist()}

    def row(self, text: tuple[str, str]) -> Row:
        """The network's inputs for a question and the beginning of its passage."""
        return self.row_of(self.windows([text])[0])

    def number(self, first: int, last: int) -> int:
        """Which of the network's logits is that of the tokens first … last of an encoding."""
        return 1 + (first + len(self.masks)) * self.network.longest + last - first

    def _learnt(self, examples: Sequence[Asked]) -> list[tuple[Window, list[int]]]:
        """The windows that show an answer whole, or none, and the numbers of what is right.

        One that shows no more than a part of an answer teaches nothing, nor does a longer answer.
        """
        found = []
        for window in self.windows(examples):
            right, parts = [], False
            for place in examples[window.text].places:
                ends = window.whole(*place)
                if ends is not None and ends[1] - ends[0] < self.network.longest:
                    right.append(self.number(*ends))
                parts = parts or window.tokens_of(*place) is not None
            if right or not parts:
                found.append((window, right or [0]))
        if not any(right != [0] for _, right in found):
            longest = self.network.longest
            raise DataError(f"No question has an answer of at most {longest} tokens.")
        return found

    def rows(self, examples: Sequence[Asked]) -> list[Row]:
        """The tokens of each window that teaches something."""
        return [self.row_of(window) for window, _ in self._learnt(examples)]

    def targets(self, examples: Sequence[Asked]) -> np.ndarray:
        """The numbers of what is right in each such window, then -1: int32 (windows, P)."""
        numbers = [right for _, right in self._learnt(examples)]
        found = np.full((len(numbers), max(map(len, numbers))), -1, "int32")
        for row, right in zip(found, numbers, strict=True):
            row[: len(right)] = right
        return found

    def score(self, outputs: dict[str, Tensor], *told: Tensor) -> Tensor:
        """The log-odds ln(p / (1 - p)) of an answer in a window, in nats: (B,)."""
        logits, (numbers,) = outputs["logits"], told
        right = ops.logsumexp(ops.take(logits, numbers, axis=1), axis=1)
        there = ops.any(ops.arange(logits.shape[1])[:, None] == numbers, axis=1)
        return right - ops.logsumexp(ops.where(there, HIDDEN, logits), axis=1)

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How surely a text is the answer; without one, the likeliest."""
        asked = pair_of(0, tuple(texts))
        found = [each for each in self.predict(asked, best=CANDIDATES) if each.text]
        told = next((each for each in found if answer in (None, each.text)), None)
        if told is None:
            raise InputError(f"The task does not find the answer {answer!r:.40} in the passage.")
        windows = [each for each in self.windows([asked]) if each.whole(told.start, told.end)]
        window = max(windows, key=lambda each: each.margin(*_inside(each, told)))
        ends = [window.whole(*place) for place in places_of(asked[1], told.text)]
        more, before = len(self.masks), self.settings["first_mask"]
        offsets, sources = window.encoding.offsets, window.encoding.sources
        return Question(
            self.row_of(window),
            [*offsets[:before], *[(0, 0)] * more, *offsets[before:]],
            [*sources[:before], *[-1] * more, *sources[before:]],
            [len(asked[0]), window.offsets[-1][1]],
            told.text,
            (np.array([self.number(*each) for each in ends if each], "int32"),),
        )

    def odds(self, windows: Sequence[Window], texts: Sequence[str]) -> list[Odds]:
        """What each window may answer; a stretch belongs to one window of those that show it."""
        outputs = self.predictor([self.row_of(window) for window in windows])
        return [self._odds(*both) for both in zip(windows, outputs, strict=True)]

    def _odds(self, window: Window, output: Mapping[str, np.ndarray]) -> Odds:
        kept = output["odds"] > HIDDEN / 2
        first, more = np.divmod(output["places"][kept], self.network.longest)
        first = first - len(self.masks) - window.head
        offsets = np.array(window.offsets)
        places = np.stack([offsets[first, 0], offsets[first + more, 1]], axis=1)
        filled = places[:, 0] < places[:, 1]
        odds = output["odds"][kept].astype("float64")
        return Odds(places[filled], odds[filled], float(output["total"]))


def _inside(window: Window, answer: Answer) -> tuple[int, int]:
    """First and last of the text's tokens that an answer has, in a window that shows it whole."""
    first, last = window.whole(answer.start, answer.end) or (0, 0)
    return window.first + first - window.head, window.first + last - window.head


def heads_of(way: str) -> Any:
    """The heads of a model that a way needs."""
    if way not in WAYS:
        raise ConfigError(f"There is no way {way!r} to read.{nearest(way, WAYS)}")
    return WAYS[way].heads
