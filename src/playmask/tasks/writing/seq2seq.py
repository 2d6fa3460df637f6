"""Sequence to sequence: texts to texts, by one stack with the UniLM mask or by two."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np

from playmask.checkpoints.load import architecture, load
from playmask.data.examples import Example, Examples
from playmask.data.readers import read_pairs
from playmask.errors import ConfigError, DataError, InputError
from playmask.generation.generate import TARGETS, check
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Batch, Row, bucket, buckets, pad
from playmask.tasks.explaining import Question, one_text
from playmask.tasks.task import open_model
from playmask.tasks.texts import filled_text, gathered
from playmask.tasks.writing.tokens import TokenNetwork, chosen
from playmask.tasks.writing.writer import Prompts, Writer, picked
from playmask.tokenizers import Tokenizer


class Seq2Seq(Writer):
    """Writes a target for each source.

    One stack reads [CLS] source [SEP] target [SEP], the target in segment 1 and hidden from the
    source (Dong et al. 2019, UniLM); of two, the encoder reads the source and the decoder writes.
    """

    kind: ClassVar[str] = "seq2seq"
    changes: ClassVar[dict[str, Any]] = {"mask": "unilm"}

    @classmethod
    def open(cls, path: str | Path, **options: Any) -> Transformer:
        """Load an encoder-decoder, or any other model with the UniLM mask."""
        decodes = architecture(path, family=options.get("family")).decoder is not None
        return load(path, **{"heads": "mlm", **({} if decodes else cls.changes), **options})

    @classmethod
    def new(
        cls,
        model: Transformer | str | Path,
        *,
        tokenizer: Tokenizer | None = None,
        max_source: int = 128,
        max_target: int = 64,
    ) -> Self:
        """Take a model, or the checkpoint at a path.

        max_source, max_target: tokens that sources and targets are cut to, special ones included
        """
        transformer, tokenizer = open_model(model, tokenizer, cls.open)
        if max_target < 1 or max_source < 3:
            raise ConfigError(
                f"max_source is from 3 and max_target from 1, not {max_source} and {max_target}."
            )
        if tokenizer.sep is None:
            raise ConfigError("The tokenizer has no token that ends a text ([SEP], </s> …).")
        settings = {
            "max_source": max_source,
            "max_target": max_target,
            "max_length": max_source + max_target,
        }
        return cls(cls.make_network(transformer, settings), tokenizer, settings)

    @classmethod
    def make_network(cls, transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """The Transformer's logits, where it can write on from a source."""
        check(transformer)
        a = transformer.architecture
        if a.decoder is None and a.order not in TARGETS:
            raise ConfigError(
                f"One stack writes targets in the order 'unilm', not {a.order!r}; load with "
                "mask='unilm'."
            )
        if not a.encoder:
            raise ConfigError("A decoder alone reads no source; load the encoder too.")
        return TokenNetwork(transformer)

    def _check_length(self) -> None:
        """A source and its target share the positions of one stack, but not of two."""
        source, target = self.settings["max_source"], self.settings["max_target"]
        longest = max(source, target) if self.decodes else source + target
        positions = self.transformer.architecture.limit
        if positions is not None and longest > positions:
            raise ConfigError(
                f"max_source is {source} and max_target {target}, but the model has {positions} "
                f"positions{'' if self.decodes else ' for both'}."
            )

    @property
    def decodes(self) -> bool:
        """Whether a decoder writes."""
        return self.transformer.architecture.decoder is not None

    def read(
        self, data: Any, *, skip_bad: bool = False, columns: Sequence[str] | None = None
    ) -> Examples:
        """Read sources and targets from a file, or take a sequence of (source, target)."""
        if isinstance(data, (str, Path)):
            return read_pairs(data, columns=columns, skip_bad=skip_bad)
        return gathered(data, _example, skip_bad=skip_bad)

    def _sources(self, texts: Sequence[str]) -> list[list[int]]:
        encodings = self.tokenizer.encode(list(texts), max_length=self.settings["max_source"])
        return [e.ids for e in encodings]

    def _targets(self, examples: Sequence[Example]) -> list[list[int]]:
        """The targets' tokens with the end, which is lost where a target is too long."""
        encodings = self.tokenizer.encode([str(e.pair) for e in examples], special=False)
        most, end = self.settings["max_target"], [self.tokenizer.sep or 0]
        return [[*e.ids, *end][:most] for e in encodings]

    def rows(self, examples: Sequence[Example]) -> list[Row]:
        """The sources' tokens; of one stack the targets' too, in a segment of their own."""
        sources = self._sources([example.text for example in examples])
        if self.decodes:
            return [{"tokens": source} for source in sources]
        return [
            {"tokens": source + target, "segments": [0] * len(source) + [1] * len(target)}
            for source, target in zip(sources, self._targets(examples), strict=True)
        ]

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """The targets' tokens for a decoder, (examples, T), -1 behind their end."""
        if not self.decodes:
            return np.zeros((len(examples), 0), "int32")
        rows = self._targets(examples)
        longest = max(map(len, rows))
        return pad(rows, bucket(longest, buckets(self.settings["max_target"])), -1)

    def ask(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which token comes next, everywhere in a target."""
        return (self._ask_decoder if self.decodes else self._ask_stack)(batch)

    def _ask_stack(self, batch: Batch) -> Batch:
        inputs, _, weights = batch
        tokens = inputs["tokens"]
        count = min(self.settings["max_target"], tokens.shape[1])
        places, there = chosen(inputs["segments"] == 1, count)
        inputs["read"] = np.maximum(places - 1, 0)
        return inputs, np.take_along_axis(tokens, places, 1), weights[:, None] * there

    def _ask_decoder(self, batch: Batch) -> Batch:
        inputs, targets, weights = batch
        there, wanted = targets >= 0, np.maximum(targets, 0)
        first = self.transformer.architecture.pad or 0
        before = ((0, 0), (1, 0))
        inputs["target_tokens"] = np.pad(wanted[:, :-1], before, constant_values=first)
        inputs["target_valid"] = np.pad(there[:, :-1], before, constant_values=True)
        return inputs, wanted, weights[:, None] * there

    def evaluate(
        self, data: Any, *, skip_bad: bool = False, exact: bool = False, **options: Any
    ) -> dict[str, float]:
        """Loss (nats per target token) and the accuracy of each token after the true ones.

        exact: also write the targets, and count those that are the same; options: of `predict`
        """
        examples = self.read(data, skip_bad=skip_bad)
        loss, accuracy = self.measure(examples)
        scores = {"loss": loss, "accuracy": accuracy}
        if exact:
            wanted = [self.tokenizer.decode(ids) for ids in self._targets(examples)]
            made = self.predict([example.text for example in examples], **options)
            scores["exact"] = float(np.mean([a == b for a, b in zip(made, wanted, strict=True)]))
        return {**scores, "examples": len(examples)}

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How likely the answer is a text's target; without one, the target that is written."""
        text = one_text(texts, self.kind)
        encoding = self.tokenizer.encode(text, max_length=self.settings["max_source"])
        answer = picked(text, self.write(text), None) if answer is None else answer
        (wanted,) = self._targets([Example(text, answer)])
        whole = len(self.tokenizer.encode(text)) == len(encoding)
        read = len(text) if whole else max(end for _, end in encoding.offsets)
        told, source = (np.array(wanted, "int32"),), encoding.ids
        if self.decodes:
            batch = ({"tokens": np.array([source])}, np.array([wanted]), np.ones(1))
            asked, _, _ = self._ask_decoder(batch)
            also = {name: asked[name] for name in ("target_tokens", "target_valid")}
            row = {"tokens": source}
            return Question(row, encoding.offsets, encoding.sources, [read], answer, told, also)
        after = len(wanted) - 1
        row = {
            "tokens": [*source, *wanted[:-1]],
            "segments": [0] * len(source) + [1] * after,
        }
        return Question(
            row,
            [*encoding.offsets, *[(0, 0)] * after],
            [*encoding.sources, *[-1] * after],
            [read],
            answer,
            told,
            {"read": np.arange(len(source) - 1, len(row["tokens"]), dtype="int32")[None]},
        )

    def prompts(self, texts: Sequence[str], told: Any = None) -> Prompts:
        """The sources."""
        if told is not None:
            raise InputError("A target is told nothing but its source; labels are not taken.")
        return Prompts(self._sources(texts), {"end": self.tokenizer.sep})

    def room(self, rows: Sequence[Sequence[int]]) -> int:
        """As much as was learnt."""
        return self.settings["max_target"]

    def predict(self, texts: str | list[str], *, best: int | None = None, **options: Any) -> Any:
        """Write the target of a text, or of each of a list; with `best`, a list of so many each.

        options: max_tokens (default: max_target), search and others of `playmask.generate`
        """
        return picked(texts, self.write(texts, **options), best)


def _example(i: int, item: Any) -> Example:
    """An Example, or (source, target)."""
    if isinstance(item, Example):
        item = item[:2]
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        raise DataError(f"Example {i} is {item!r:.80}, not (source, target).")
    return Example(filled_text(i, item[0], "source"), filled_text(i, item[1], "target"))
