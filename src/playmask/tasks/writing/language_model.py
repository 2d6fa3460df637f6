"""Language models: texts that go on, on a condition or on none."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import keras
import numpy as np

from playmask.data.examples import Example, Examples
from playmask.data.readers import read_examples
from playmask.errors import ConfigError, DataError, InputError, nearest
from playmask.generation.generate import check
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Batch, Row
from playmask.tasks.explaining import Question, one_text
from playmask.tasks.task import open_model
from playmask.tasks.texts import filled_text, gathered, texts_of
from playmask.tasks.writing.tokens import TokenNetwork, following
from playmask.tasks.writing.writer import Prompts, Writer, picked
from playmask.tokenizers import Tokenizer

ROOM = 64  # new tokens at most, where nobody says how many


class LanguageModel(Writer):
    """Learns which token comes next in texts, and writes such texts."""

    kind: ClassVar[str] = "language-model"
    changes: ClassVar[dict[str, Any]] = {"mask": "lm"}

    @classmethod
    def new(
        cls,
        model: Transformer | str | Path,
        *,
        tokenizer: Tokenizer | None = None,
        max_length: int = 128,
        condition: str | None = None,
        labels: Sequence[str] = (),
        size: int | None = None,
        begin: Sequence[int] | None = None,
    ) -> Self:
        """Take a language model, or the checkpoint at a path as one.

        max_length: tokens a text is cut to; condition: how a text is told what it is to be like,
        see CONDITIONS; labels: those that it may be told; size: of the vectors it may be told;
        begin: the ids that texts begin with (default: those of the tokenizer's frame, or else the
        one that ends the text before)
        """
        labels = [str(label) for label in labels]
        if condition not in CONDITIONS:
            known = [name for name in CONDITIONS if name]
            raise ConfigError(
                f"There is no condition {condition!r}.{nearest(str(condition), known)}"
            )
        if (condition in BY_LABEL) != bool(labels) or len(set(labels)) < len(labels):
            raise ConfigError(
                f"condition={condition!r} and labels={labels} do not go together: "
                f"{', '.join(map(repr, BY_LABEL))} take distinct labels, others none."
            )
        wide = {"label": len(labels), "vector": size}.get(str(condition))
        given = {} if wide is None else {"condition_size": wide}
        transformer, tokenizer = open_model(model, tokenizer, lambda path: cls.open(path, **given))
        if begin is None:
            begin = tokenizer.frame.head or _end(tokenizer)
        settings = {
            "max_length": max_length,
            "condition": condition,
            "labels": labels,
            "begin": [int(token) for token in begin],
        }
        return cls(cls.make_network(transformer, settings), tokenizer, settings)

    @classmethod
    def make_network(cls, transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """The Transformer's logits, where it is a language model of this condition."""
        check(transformer)
        a = transformer.architecture
        if a.decoder is not None or a.order != "lm":
            raise ConfigError(
                f"A language model has no decoder and the order 'lm', not {a.order!r}; load with "
                "mask='lm'."
            )
        has = None if a.condition is None else a.condition.size
        wanted = len(settings["labels"]) if settings["condition"] == "label" else has
        if has != wanted or (has is not None) != (settings["condition"] in BY_NORM):
            raise ConfigError(
                f"The model's norms depend on a condition of the size {has}, which "
                f"condition={settings['condition']!r} with {len(settings['labels'])} labels does "
                f"not go with; load with condition_size={wanted or '…'}."
            )
        return TokenNetwork(transformer)

    @property
    def labels(self) -> list[str]:
        """The labels that a text may be told."""
        return self.settings["labels"]

    def read(
        self, data: Any, *, skip_bad: bool = False, columns: Sequence[str] | None = None
    ) -> Examples:
        """Read texts from a file, or take a sequence of texts, or of (text, label or vector)."""
        if not isinstance(data, (str, Path)):
            return gathered(data, self._example, skip_bad=skip_bad)
        if self.settings["condition"] == "vector":
            raise DataError(f"{data}: A file holds no vectors; give (text, vector) pairs.")
        return read_examples(
            data,
            labelled=bool(self.labels),
            labels=self.labels or None,
            columns=columns,
            skip_bad=skip_bad,
        )

    def _example(self, i: int, item: Any) -> Example:
        """A text, or one with what it is told: a label, or a vector as a tuple of numbers."""
        if isinstance(item, Example):
            item = item.text if self.settings["condition"] is None else (item.text, item.label)
        pair = (item, None) if self.settings["condition"] is None else item
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            what = "vector" if self.settings["condition"] == "vector" else "label"
            raise DataError(f"Example {i} is {item!r:.80}, not (text, {what}).")
        text, (told,) = filled_text(i, pair[0]), self._told(pair[1], 1, f"Example {i} has")
        return Example(text, None, told)

    def _told(self, told: Any, count: int, where: str = "A prompt has") -> list[Any]:
        """What each of some texts is told, checked: labels, vectors as tuples, or None."""
        condition = self.settings["condition"]
        if condition is None:
            return [None] * count
        if condition == "vector":
            size = self.transformer.architecture.condition.size  # type: ignore[union-attr]
            vectors = np.asarray(() if told is None else told, "float32")
            if vectors.shape not in ((size,), (count, size)):
                raise DataError(f"{where} a vector of the shape {vectors.shape}; ({size},) is due.")
            return [tuple(map(float, row)) for row in np.broadcast_to(vectors, (count, size))]
        labels = [told] * count if told is None or isinstance(told, str) else list(told)
        for label in labels:
            if label not in self.labels:
                raise DataError(f"{where} the label {label!r}.{nearest(str(label), self.labels)}")
        if len(labels) != count:
            raise InputError(f"{len(labels)} labels were given for {count} texts.")
        return labels

    def _begun(self, texts: Sequence[str], told: Sequence[Any]) -> list[tuple[list[int], list]]:
        """What comes before each text, and its own tokens."""
        code = CONDITIONS[self.settings["condition"]].code
        known = {one: [*self.settings["begin"], *code(self, one)] for one in dict.fromkeys(told)}
        encodings = self.tokenizer.encode(list(texts), special=False)
        return [(known[one], e.ids) for one, e in zip(told, encodings, strict=True)]

    def rows(self, examples: Sequence[Example]) -> list[Row]:
        """Tokens, and which of them are asked for: not what comes before a text."""
        end, longest = _end(self.tokenizer), self.settings["max_length"]
        rows: list[Row] = []
        for before, ids in self._begun(
            [example.text for example in examples], [example.label for example in examples]
        ):
            tokens = [*before, *ids, *end][:longest]
            asked = ([0] * len(before) + [1] * len(tokens))[: len(tokens)]
            rows.append({"tokens": tokens, "asked": asked})
        return rows

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """What the norms are told about each text, (examples, C); C = 0 where that is nothing."""
        return self._vectors([example.label for example in examples])

    def _vectors(self, told: Sequence[Any]) -> np.ndarray:
        vector = CONDITIONS[self.settings["condition"]].vector
        return np.array([vector(self, one) for one in told], "float32").reshape(len(told), -1)

    def ask(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which token comes next, everywhere in a text."""
        inputs, condition, weights = batch
        asked = inputs.pop("asked")
        if condition.shape[1]:
            inputs["condition"] = condition
        wanted = following(inputs["tokens"])
        return inputs, wanted, weights[:, None] * following(asked).astype("float32")

    def evaluate(self, data: Any, *, skip_bad: bool = False) -> dict[str, float]:
        """Loss (nats per token) and perplexity on texts."""
        examples = self.read(data, skip_bad=skip_bad)
        loss, _ = self.measure(examples)
        return {"loss": loss, "perplexity": math.exp(loss), "examples": len(examples)}

    def prompts(self, texts: Sequence[str], told: Any = None) -> Prompts:
        """The texts begun; told: a label or a vector, one for all or one each."""
        if told is not None and self.settings["condition"] is None:
            raise InputError("This language model is told neither labels nor vectors.")
        each = self._told(told, len(texts))
        end = _end(self.tokenizer)
        rows = [[*before, *ids] or end for before, ids in self._begun(texts, each)]
        if not all(rows):
            raise InputError("This model has no token to begin with; give a text to go on from.")
        vectors = self._vectors(each)
        return Prompts(rows, {"end": end, **({"condition": vectors} if vectors.size else {})})

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How likely a text goes on as the answer says; without one, with its likeliest token."""
        text = one_text(texts, self.kind)
        (before,) = self.prompts([text]).rows
        encoding = self.tokenizer.encode(text, special=False)
        if answer is None:
            answer = self.predict(text, max_tokens=1, min_tokens=1)
        wanted = self.tokenizer.encode(answer, special=False).ids
        if not wanted:
            raise InputError(f"The answer {answer!r} has no tokens.")
        tokens, first = [*before, *wanted[:-1]], len(before) - len(encoding)
        after = len(tokens) - len(before)
        return Question(
            {"tokens": tokens},
            [*[(0, 0)] * first, *encoding.offsets, *[(0, 0)] * after],
            [*[-1] * first, *encoding.sources, *[-1] * after],
            [len(text)],
            answer,
            (np.array(wanted, "int32"),),
            {"read": np.arange(len(before) - 1, len(tokens), dtype="int32")[None]},
        )

    def room(self, rows: Sequence[Sequence[int]]) -> int:
        """What max_length leaves, up to ROOM."""
        return max(min(self.settings["max_length"] - max(map(len, rows)), ROOM), 1)

    def said(self, row: Sequence[int], tokens: Sequence[int]) -> str:
        """How the text of a row goes on; a word may go on that it ended with."""
        before, whole = self.tokenizer.decode(row), self.tokenizer.decode([*row, *tokens])
        return whole.removeprefix(before) if whole.startswith(before) else super().said(row, tokens)

    def generate(
        self,
        prompts: str | Sequence[str] | None = None,
        *,
        label: str | Sequence[str] | None = None,
        vector: Any = None,
        best: int | None = None,
        **options: Any,
    ) -> Any:
        """Write texts that begin with prompts, or with nothing: one each, or a list of the `best`.

        label, vector: what they are to be like, one for all or one each; options: max_tokens
        (default: what max_length leaves, up to ROOM), search and others of `playmask.generate`
        """
        texts = "" if prompts is None else prompts
        found = self.write(texts, told=label if vector is None else vector, **options)
        whole = [
            [one._replace(text=text + one.text) for one in row]
            for text, row in zip(texts_of(texts), found, strict=True)
        ]
        return picked(texts, whole, best)

    def predict(
        self,
        texts: str | list[str],
        *,
        label: str | Sequence[str] | None = None,
        vector: Any = None,
        best: int | None = None,
        **options: Any,
    ) -> Any:
        """How a text goes on, or each of a list; options as of `generate`."""
        found = self.write(texts, told=label if vector is None else vector, **options)
        return picked(texts, found, best)


def _end(tokenizer: Tokenizer) -> list[int]:
    """The token that ends a text, where there is one."""
    return [] if tokenizer.sep is None else [tokenizer.sep]


class Condition(NamedTuple):
    """How a text is told what it is to be like: by tokens before it, by numbers for the norms."""

    code: Callable[[LanguageModel, Any], Sequence[int]] = lambda task, told: ()
    vector: Callable[[LanguageModel, Any], Sequence[float]] = lambda task, told: ()


def _text(task: LanguageModel, label: str) -> list[int]:
    return task.tokenizer.encode(label, special=False).ids


def _unused(task: LanguageModel, label: str) -> list[int]:
    name = f"[unused{task.labels.index(label) + 1}]"
    token = task.tokenizer.token_to_id(name)
    if token is None:
        raise ConfigError(f"The tokenizer has no token {name}; take condition='code'.")
    return [token]


def _one_hot(task: LanguageModel, label: str) -> list[float]:
    return [float(label == one) for one in task.labels]


CONDITIONS: dict[str | None, Condition] = {
    None: Condition(),
    "label": Condition(vector=_one_hot),
    "code": Condition(code=_text),
    "unused": Condition(code=_unused),
    "vector": Condition(vector=lambda task, vector: vector),
}
"""None; the label as a one-hot vector for conditional norms; the label's own text put first; a
token of the vocabulary that no text has, put first; a given vector for conditional norms."""

BY_LABEL, BY_NORM = ("label", "code", "unused"), ("label", "vector")
