"""Classifying with few examples or none: a masked language model fills the gap of a pattern."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from keras import ops

from playmask.data.examples import Example, Examples
from playmask.data.gathering import BadExample
from playmask.data.readers import read_examples
from playmask.errors import ConfigError
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.onnx.signature import Inputs, by_token
from playmask.runtime.batches import Row
from playmask.runtime.predictor import Predictor
from playmask.tasks.classification.answers import AnswerSpace, OneLabel
from playmask.tasks.classification.settings import MASK, PAIR, TEXT, PatternSettings
from playmask.tasks.classification.text_task import TextTask, learn_labels
from playmask.tasks.network import TaskNetwork
from playmask.tasks.task import Columns, Fields
from playmask.tokenizers import Tokenizer

NAMES = re.compile(r"(\[MASK\]|\{text\}|\{pair\})")


class PatternNetwork(TaskNetwork):
    """A masked language model that scores a few words in the gaps of a row.

    words: the tokens of each label's word, int (labels, gaps)
    Shapes: inputs as a Transformer's, and "gaps" int (B, T), 1 at each gap
            -> {"logits": (B, labels)}, log-probabilities of the words, in nats
    """

    further_inputs: ClassVar[Inputs] = {"gaps": by_token(below=2)}

    def __init__(self, transformer: Transformer, words: np.ndarray) -> None:
        super().__init__(transformer)
        if "mlm" not in transformer.head_names:
            raise ConfigError("Patterns are filled by a model with heads='mlm'.")
        self.words = words.astype("int32")
        self.build(None)

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the words."""
        inputs = dict(inputs)
        gaps = inputs.pop("gaps")
        length, count = ops.shape(gaps)[1], self.words.shape[1]
        later = ops.arange(length, 0, -1, dtype="int32")  # the first gap has the largest number
        _, read = ops.top_k(ops.cast(gaps, "int32") * later, count)
        logits = self.transformer({**inputs, "read": read}, training=training)["logits"]
        logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)  # (B, gaps, vocabulary)
        each = [ops.take(logs[:, i], self.words[:, i], axis=-1) for i in range(count)]
        return {"logits": sum(each[1:], each[0])}


class PatternClassifier(TextTask[PatternSettings]):
    """Puts texts under labels by the word that fills the gap of a pattern (PET).

    Its probabilities are those of the labels' words among one another. It answers untrained too,
    as well as the masked language model knows the words.

    Shapes: each label's word has as many tokens as every other; the pattern's one gap [MASK] is
            widened to so many
    Raises: ConfigError for words that differ in their tokens, or a pattern without text or gap
    Source: Schick and Schütze 2021 (PET), §3.1; Su 2020 (kexue 7764)

    Example:
        >>> words = {"words": ["今", "天"], "pattern": "[MASK]，{text}"}
        >>> task = PatternClassifier.new(model, ["bad", "good"], max_length=16, **words)
        >>> sorted(task.predict("味道不错").probabilities)
        ['bad', 'good']
    """

    settings_class = PatternSettings
    streams: ClassVar[bool] = True

    @classmethod
    def model_options(cls, settings: PatternSettings) -> Fields:
        """The vocabulary head."""
        return {"heads": "mlm"}

    @staticmethod
    def space_of(settings: PatternSettings) -> AnswerSpace:
        """One label."""
        return OneLabel(settings.labels)

    @classmethod
    def build_network(
        cls, transformer: Transformer, tokenizer: Tokenizer, settings: PatternSettings
    ) -> PatternNetwork:
        """Build the network around a Transformer."""
        a = transformer.architecture
        if a.decoder is not None or a.order != "full":
            raise ConfigError("A pattern is filled by an encoder that sees the text whole.")
        if tokenizer.mask is None:
            raise ConfigError(f"The tokenizer has no token for gaps, such as {MASK}.")
        OneLabel(settings.labels)  # refuses labels that are no choice
        return PatternNetwork(transformer, _tokens_of_words(tokenizer, settings))

    def make_predictor(self, function: Any = None) -> Predictor:
        """What scores the words in the gaps."""
        predictor = super().make_predictor(function)
        predictor.limits["gaps"] = 2
        return predictor

    @classmethod
    def parse(
        cls,
        settings: PatternSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
        lazily: bool = False,
    ) -> Examples[Example]:
        """Read labelled texts, or pairs, from a table or JSON lines."""
        labels = settings.labels or None
        return read_examples(path, labels=labels, columns=columns, skip_bad=skip_bad, lazily=lazily)

    @classmethod
    def names(cls, example: Example) -> Iterable[str]:
        """The label of an example."""
        return (example.label,)

    @classmethod
    def learn(cls, settings: PatternSettings, examples: Examples[Any]) -> PatternSettings:
        """The labels, where none were named; the pattern says whether texts are pairs."""
        return learn_labels(settings, examples, (example.label for example in examples))

    def check_pair(self, is_pair: bool, text: str) -> None:
        """See that a pair comes where the pattern has a place for one, and only there."""
        if is_pair != self.settings.pairs:
            name = "no place" if is_pair else "a place"
            raise BadExample(f"The pattern has {name} for a {PAIR}; this came: {text!r:.60}.")

    def check_length(self) -> None:
        """See that the pattern leaves room for a text."""
        super().check_length()
        self._room()

    def _room(self) -> int:
        """The tokens that the pattern leaves for texts."""
        head, _, end, _ = self.tokenizer.frame
        fixed = len(head) + len(end) + sum(len(piece.ids) for piece in self._pieces())
        longest = self.settings.max_length
        if fixed >= longest:
            raise ConfigError(f"max_length is {longest}, but the pattern alone has {fixed} tokens.")
        return longest - fixed

    def rows(self, examples: Sequence[Example]) -> list[Row]:
        """The pattern around each text, which is cut where the whole is too long."""
        self.check_pairs(examples)
        pieces, room = self._pieces(), self._room()
        head, _, end, _ = self.tokenizer.frame
        texts = {TEXT: [example.text for example in examples]}
        if self.settings.pairs:
            texts[PAIR] = [str(example.pair) for example in examples]
        encodings = [self.tokenizer.encode(each, special=False) for each in texts.values()]
        rows = []
        for parts in zip(*encodings, strict=True):
            ids = dict(zip(texts, _fitted([part.ids for part in parts], room), strict=True))
            rows.append(_row([*head], pieces, ids, [*end]))
        return rows

    def _pieces(self) -> list["Piece"]:
        """The pattern in pieces: fixed tokens, the gap, and where texts stand."""
        pieces = []
        for name in re.split(NAMES, self.settings.pattern):
            if name == MASK:
                pieces.append(Piece(MASK, [self.tokenizer.mask or 0] * self.network.words.shape[1]))
            elif name in (TEXT, PAIR):
                pieces.append(Piece(name, []))
            elif name:
                pieces.append(Piece("", self.tokenizer.encode(name, special=False).ids))
        return pieces


class Piece(NamedTuple):
    """A piece of a pattern: its tokens, or the name of the text that stands there."""

    name: str
    ids: list[int]


def _row(
    head: list[int], pieces: Sequence[Piece], texts: dict[str, list[int]], end: list[int]
) -> Row:
    """A row of tokens, and 1 at its gaps."""
    tokens, gaps = [*head], [0] * len(head)
    for name, fixed in pieces:
        ids = texts.get(name, fixed)
        tokens += ids
        gaps += [int(name == MASK)] * len(ids)
    return {"tokens": [*tokens, *end], "gaps": [*gaps, *[0] * len(end)]}


def _fitted(texts: list[list[int]], room: int) -> list[list[int]]:
    """Texts that have room together; the longest loses its last tokens."""
    sizes = [len(ids) for ids in texts]
    while sum(sizes) > room:
        longest = int(np.argmax(sizes))
        others = max((size for i, size in enumerate(sizes) if i != longest), default=0)
        sizes[longest] -= min(sum(sizes) - room, max(sizes[longest] - others, 1))
    return [ids[:size] for ids, size in zip(texts, sizes, strict=True)]


def _tokens_of_words(tokenizer: Tokenizer, settings: PatternSettings) -> np.ndarray:
    """The tokens of each label's word: (labels, gaps)."""
    words = settings.words or settings.labels
    if len(words) != len(settings.labels):
        raise ConfigError(f"There are {len(words)} words for {len(settings.labels)} labels.")
    ids = [tokenizer.encode(word, special=False).ids for word in words]
    sizes = {word: len(each) for word, each in zip(words, ids, strict=True)}
    if len({*sizes.values()}) != 1 or 0 in sizes.values():
        raise ConfigError(f"The words of labels need equally many tokens; they have {sizes}.")
    if any(tokenizer.unk in each for each in ids):
        raise ConfigError(f"The tokenizer does not know all of the words {[*words]}.")
    if len({*map(tuple, ids)}) < len(ids):
        raise ConfigError(f"Each label needs a word of its own; received {[*words]}.")
    return np.array(ids)
