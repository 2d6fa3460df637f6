"""Rows of sources and targets, for one stack with the UniLM mask or for two."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.errors import InputError
from playmask.generation.generator import Generator, facts_of
from playmask.runtime.padding import Batch, bucket, buckets, pad
from playmask.tasks.encoded import Encoded
from playmask.tasks.question import Question
from playmask.tasks.writing.replacement import Written
from playmask.tasks.writing.tokens import chosen
from playmask.tasks.writing.writer import PromptRows
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer

Ids = Sequence[list[int]]


class SourceTarget(NamedTuple):
    """How sources and targets become rows of a Transformer, and targets are asked for.

    One stack reads [CLS] source [SEP] target [SEP], the target in segment 1 and hidden from the
    source (Dong et al. 2019, UniLM); of two, the encoder reads the source and the decoder writes.

    model: what writes; max_source, max_target: tokens that sources and targets are cut to
    """

    model: "Transformer | Generator"
    tokenizer: Tokenizer
    max_source: int
    max_target: int
    continues: bool = False  # what is written stands for itself

    @property
    def decodes(self) -> bool:
        """Whether a decoder writes."""
        return facts_of(self.model).decodes

    def sources(self, texts: Sequence[str]) -> list[list[int]]:
        """The sources' tokens, with those that frame them."""
        encodings = self.tokenizer.encode(list(texts), max_length=self.max_source)
        return [encoding.ids for encoding in encodings]

    def targets(self, texts: Sequence[str]) -> list[list[int]]:
        """The targets' tokens with the end, which is lost where a target is too long."""
        encodings = self.tokenizer.encode(list(texts), special=False)
        end = [self.tokenizer.sep or 0]
        return [[*encoding.ids, *end][: self.max_target] for encoding in encodings]

    def encode(self, sources: Ids, targets: Ids) -> Encoded:
        """The sources' rows; of one stack with the targets, in a segment of their own.

        Targets are the tokens for a decoder, (examples, T), -1 behind their end.
        """
        if self.decodes:
            rows: list[Any] = [{"tokens": source} for source in sources]
            longest = bucket(max(map(len, targets)), buckets(self.max_target))
            return Encoded(rows, pad(targets, longest, -1))
        rows = [
            {"tokens": source + target, "segments": [0] * len(source) + [1] * len(target)}
            for source, target in zip(sources, targets, strict=True)
        ]
        return Encoded(rows, np.zeros((len(rows), 0), "int32"))

    def prepare(self, batch: Batch) -> Batch:
        """Which token comes next, everywhere in a target."""
        return self.decoder_batch(batch) if self.decodes else self.stack_batch(batch)

    def stack_batch(self, batch: Batch) -> Batch:
        """The tokens of segment 1, each read at the token before it."""
        inputs, _, weights = batch
        tokens = inputs["tokens"]
        count = min(self.max_target, tokens.shape[1])
        places, there = chosen(inputs["segments"] == 1, count)
        inputs["read"] = np.maximum(places - 1, 0)
        return inputs, np.take_along_axis(tokens, places, 1), weights[:, None] * there

    def decoder_batch(self, batch: Batch) -> Batch:
        """The targets behind what a decoder begins with."""
        inputs, targets, weights = batch
        there, tokens = targets >= 0, np.maximum(targets, 0)
        first = facts_of(self.model).start
        before = ((0, 0), (1, 0))
        inputs["target_tokens"] = np.pad(tokens[:, :-1], before, constant_values=first)
        inputs["target_valid"] = np.pad(there[:, :-1], before, constant_values=True)
        return inputs, tokens, weights[:, None] * there

    def written(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Written:
        """Where the tokens of targets are that are read to write on: none that begins, or ends."""
        name = "target_tokens" if self.decodes else "tokens"
        there = inputs["target_valid"] if self.decodes else inputs["segments"] == 1
        places = there & (inputs[name] != self.tokenizer.sep)
        if self.decodes:
            places[:, 0] = False
        return Written(name, places)

    # Writing

    def prompts(self, texts: Sequence[str], condition: Any = None) -> PromptRows:
        """The sources."""
        if condition is not None:
            raise InputError("A target has no condition but its source; labels are not taken.")
        return PromptRows(self.sources(texts), {"end": self.tokenizer.sep})

    def room(self, rows: Sequence[Sequence[int]]) -> int:
        """As much as was learnt."""
        return self.max_target

    def decode(self, row: Sequence[int], tokens: Sequence[int]) -> str:
        """The target."""
        return self.tokenizer.decode(tokens)

    # Explaining

    def question(self, text: str, answer: str) -> Question:
        """How likely the answer is a text's target."""
        encoding = self.tokenizer.encode(text, max_length=self.max_source)
        (tokens,) = self.targets([answer])
        whole = len(self.tokenizer.encode(text)) == len(encoding)
        read = len(text) if whole else max(end for _, end in encoding.offsets)
        targets, source = (np.array(tokens, "int32"),), encoding.ids
        if self.decodes:
            weights: npt.NDArray[Any] = np.ones(1)
            inputs, _, _ = self.decoder_batch(
                ({"tokens": np.array([source])}, np.array([tokens]), weights)
            )
            also = {name: inputs[name] for name in ("target_tokens", "target_valid")}
            row = {"tokens": source}
            places = encoding.offsets, encoding.sources, [read]
            return Question(row, *places, answer, targets, also, unit="log-probability")
        after = len(tokens) - 1
        row = {
            "tokens": [*source, *tokens[:-1]],
            "segments": [0] * len(source) + [1] * after,
        }
        return Question(
            row,
            [*encoding.offsets, *[(0, 0)] * after],
            [*encoding.sources, *[-1] * after],
            [read],
            answer,
            targets,
            {"read": np.arange(len(source) - 1, len(row["tokens"]), dtype="int32")[None]},
            unit="log-probability",
        )
