"""Masked language models: learning a field's texts by filling gaps, and filling them."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.data.examples import Example, Examples
from playmask.data.gathering import filled, suffix_of
from playmask.data.readers import read_single
from playmask.errors import ConfigError, InputError
from playmask.runtime.engine import Run
from playmask.runtime.padding import Batch, Row
from playmask.runtime.predictor import Predictor
from playmask.tasks.encoded import Encoded
from playmask.tasks.question import Question, one_text
from playmask.tasks.selection import Network, Selection, predictor_of
from playmask.tasks.task import Columns, Fields
from playmask.tasks.texts import texts_of
from playmask.tasks.writing.settings import MaskFillSettings
from playmask.tasks.writing.tokens import TokenTask, chosen
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer
    from playmask.tasks.writing.token_network import TokenNetwork

DIGITS = 6
MASK = "[MASK]"
SHARE = 0.15  # of a text's tokens that are asked for
SHOWN_AS_MASK, SHOWN_AS_OTHER = 0.8, 0.1  # of them; the rest stay as they are
TOKENS = 1024  # read at a time: every one of them is scored over the whole vocabulary


def hidden(
    tokens: npt.NDArray[Any],
    hideable: npt.NDArray[Any],
    mask: int,
    others: npt.NDArray[Any],
    random: np.random.Generator,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Hide some tokens of each row: 8 in 10 by the mask, 1 by one of the others, 1 not at all.

    Shapes: ids and bool (B, T) -> ids (B, T), places (B, R), 1 where a row has so many (B, R)
    """
    lots = np.where(hideable, random.random(tokens.shape), 2.0)
    count = np.ceil(SHARE * hideable.sum(axis=1, keepdims=True))
    taken = lots.argsort(axis=1).argsort(axis=1) < count
    places, there = chosen(taken, int(np.ceil(SHARE * tokens.shape[1])))
    return corrupted(tokens, taken, mask, others, random), places, there


def corrupted(
    tokens: npt.NDArray[Any],
    taken: npt.NDArray[Any],
    mask: int,
    others: npt.NDArray[Any],
    random: np.random.Generator,
) -> npt.NDArray[Any]:
    """Exchange the tokens that are taken: 8 in 10 by the mask, 1 by one of the others, 1 not.

    Shapes: ids and bool (B, T) -> ids int32 (B, T)
    Source: Devlin et al. 2018, §3.1
    """
    fate = random.random(tokens.shape)
    other = random.choice(others, tokens.shape)
    masked = np.where(fate < SHOWN_AS_MASK + SHOWN_AS_OTHER, other, tokens)
    masked = np.where(fate < SHOWN_AS_MASK, mask, masked)
    return np.where(taken, masked, tokens).astype("int32")


class Fill(NamedTuple):
    """A token that may stand in a gap, as text, and its probability."""

    text: str
    probability: float


class MaskFill(TokenTask[MaskFillSettings]):
    """Fills the gaps of texts, and learns to from texts of a field.

    Units:  `loss` of `evaluate` in nats per hidden token
    Raises: ConfigError for a model without a vocabulary head, or a tokenizer without [MASK]
    Source: Devlin et al. 2018, §3.1

    Example:
        >>> task = MaskFill.new(model, max_length=16)
        >>> gaps = task.predict("今天[MASK]雨", best=2)
        >>> [len(fills) for fills in gaps]
        [2]
    """

    settings_class = MaskFillSettings
    streams: ClassVar[bool] = True

    def __init__(
        self,
        network: Network,
        tokenizer: Tokenizer,
        settings: MaskFillSettings,
    ) -> None:
        super().__init__(network, tokenizer, settings)
        special = {*tokenizer.special.values()}
        self._mask = tokenizer.mask or 0
        self._others = np.array([i for i in range(len(tokenizer)) if i not in special], "int32")
        self._scored = cache(self._make_predictor)

    @classmethod
    def model_options(cls, settings: MaskFillSettings) -> Fields:
        """The vocabulary head."""
        return {"heads": "mlm"}

    @classmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: MaskFillSettings
    ) -> "TokenNetwork":
        """The Transformer's logits, where it sees a text whole."""
        from playmask.tasks.writing.token_network import TokenNetwork

        a = transformer.architecture
        if "mlm" not in transformer.head_names or a.decoder is not None or a.order != "full":
            raise ConfigError(
                "Gaps are filled by a model with heads='mlm' and mask='full', without a decoder; "
                f"this one has the heads {[*transformer.head_names]} and the order {a.order!r}."
            )
        if tokenizer.mask is None:
            raise ConfigError(f"The tokenizer has no token for gaps, such as {MASK}.")
        return TokenNetwork(transformer)

    @classmethod
    def parse(
        cls,
        settings: MaskFillSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
        lazily: bool = False,
    ) -> Examples[Example]:
        """Read texts."""
        return read_single(path, columns=columns, skip_bad=skip_bad, lazily=lazily)

    def reads_lines(self, path: Path) -> bool:
        """Whether a file holds one text per line, as training reads it."""
        return suffix_of(path) == ".txt" or super().reads_lines(path)

    def check(self, example: Any) -> Example:
        """A text, or an Example of one."""
        return Example(filled(example.text if isinstance(example, Example) else example))

    def encode_examples(self, examples: Sequence[Example]) -> Encoded:
        """The tokens of texts, whose gaps are the mask's token; targets are drawn from them."""
        rows = [self.row(example.text) for example in examples]
        return Encoded(rows, np.zeros((len(rows), 0), "int32"))

    def row(self, text: str) -> Row:
        """The tokens of a text, whose gaps are the mask's token."""
        return {"tokens": self._tokens(text)}

    def _tokens(self, text: str) -> list[int]:
        head, _, end, _ = self.tokenizer.frame
        first, *rest = self.tokenizer.encode(text.split(MASK), special=False)
        ids = [*first.ids, *(i for part in rest for i in (self._mask, *part.ids))]
        return [*head, *ids[: self.settings.max_length - len(head) - len(end)], *end]

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How likely a token fills the first gap; without one, the likeliest."""
        text = one_text(texts, self.name)
        tokens = self._tokens(text)
        if self._mask not in tokens:
            raise InputError(f"The text has no {MASK} to fill: {text!r:.60}.")
        gap = tokens.index(self._mask)
        if answer is None:
            ((fill, *_), *_) = self.predict(text, best=1)
            answer = fill.text
        known = self.tokenizer.token_to_id(answer)
        ids = [known] if known is not None else self.tokenizer.encode(answer, special=False).ids
        if len(ids) != 1:
            raise ConfigError(f"A gap is filled by one token; {answer!r} has {len(ids)}.")
        offsets, sources = self._places(text, len(tokens))
        read = max(end for _, end in offsets)
        targets = (np.array(ids, "int32"),)
        also = {"read": np.array([[gap]], "int32")}
        row = {"tokens": tokens}
        return Question(
            row, offsets, sources, [read], answer, targets, also, unit="log-probability"
        )

    def _places(self, text: str, count: int) -> tuple[list[tuple[int, int]], list[int]]:
        """Where the tokens of `_tokens` stand in the text, gaps and special ones nowhere."""
        head, _, end, _ = self.tokenizer.frame
        offsets, sources, start = [(0, 0)] * len(head), [-1] * len(head), 0
        for i, part in enumerate(text.split(MASK)):
            if i:
                offsets.append((0, 0))
                sources.append(-1)
            encoding = self.tokenizer.encode(part, special=False)
            offsets += [(start + a, start + b) for a, b in encoding.offsets]
            sources += encoding.sources
            start += len(part) + len(MASK)
        body = count - len(end)
        return offsets[:body] + [(0, 0)] * len(end), sources[:body] + [-1] * len(end)

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which token stood where one is hidden.

        Source: Devlin et al. 2018, §3.1
        """
        inputs, _, weights = batch
        tokens = inputs["tokens"]
        hideable = np.isin(tokens, self._others) & inputs["valid"]
        masked, places, there = hidden(tokens, hideable, self._mask, self._others, random)
        inputs |= {"tokens": masked, "read": places}
        return inputs, np.take_along_axis(tokens, places, 1), weights[:, None] * there

    def answer_json(self, example: Example, answer: Any) -> Fields:
        """The fills of each gap, with their probabilities."""
        return {
            "fills": [
                [
                    {"text": fill.text, "probability": round(fill.probability, DIGITS)}
                    for fill in fills
                ]
                for fills in answer
            ]
        }

    def predict(self, texts: str | list[str], *, best: int = 5) -> Any:
        """Fill the gaps [MASK] of a text, or of each of a list: for each gap its best fills.

        Gaps are filled one by one, each as if the others stayed open.
        """
        several = texts_of(texts)
        if type(best) is not int or not 1 <= best <= len(self.tokenizer):
            raise InputError(f"best is from 1 to the vocabulary's size, not {best!r}.")
        rows = [{"tokens": self._tokens(text)} for text in several]
        for i, (text, row) in enumerate(zip(several, rows, strict=True)):
            gaps, left = text.count(MASK), row["tokens"].count(self._mask)
            if not gaps:
                raise InputError(f"Text {i} has no {MASK} to fill: {text!r:.60}.")
            if left < gaps:
                longest = self.settings.max_length
                raise InputError(f"Text {i} has a {MASK} beyond the {longest} tokens of a text.")
        outputs = self._scored(best)(rows) if rows else []
        filled = [self._fills(*both) for both in zip(rows, outputs, strict=True)]
        return filled[0] if isinstance(texts, str) else filled

    def _fills(self, row: Row, output: Mapping[str, npt.NDArray[Any]]) -> list[list[Fill]]:
        gaps = [i for i, token in enumerate(row["tokens"]) if token == self._mask]
        stem, names = self.tokenizer.algorithm.stem, self.tokenizer.vocabulary
        return [
            [
                Fill(stem(names[token]), float(chance))
                for token, chance in zip(output["tokens"][i], output["chances"][i], strict=True)
            ]
            for i in gaps
        ]

    def _make_predictor(self, best: int) -> Predictor:
        """What scores the likeliest tokens at every place, and their chances: (B, T, best) each."""
        size = len(self.tokenizer)
        selection = Selection(
            lambda network: partial(network.likeliest, best=best, size=size),
            partial(likeliest, mask=self._mask, best=best, size=size),
        )
        return predictor_of(self, selection, tokens=TOKENS, per_token=("chances", "tokens"))


def likeliest(
    run: Run, inputs: dict[str, npt.NDArray[Any]], *, mask: int, best: int, size: int
) -> dict[str, npt.NDArray[Any]]:
    """The likeliest of the first `size` tokens at every mask, and their chances: (B, T, best) each.

    Elsewhere, where nobody asks, both are 0.
    """
    gaps = inputs["tokens"] == mask
    read, there = chosen(gaps, int(gaps.sum(axis=1).max()))
    logits = run({**inputs, "read": read})["logits"][there > 0][:, :size]
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    chances = weights / weights.sum(axis=-1, keepdims=True)
    tokens = np.argsort(-logits, axis=-1, kind="stable")[:, :best]
    outputs = {
        "chances": np.zeros((*gaps.shape, best), "float32"),
        "tokens": np.zeros((*gaps.shape, best), "int32"),
    }
    outputs["chances"][gaps] = np.take_along_axis(chances, tokens, axis=-1)
    outputs["tokens"][gaps] = tokens
    return outputs
