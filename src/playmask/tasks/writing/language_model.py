"""Language models: texts that go on, on a condition or on none."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.data.examples import Example, Examples, ordered
from playmask.data.gathering import BadExample, filled, suffix_of
from playmask.data.readers import read_examples, read_single
from playmask.errors import ConfigError, DataError, InputError, nearest
from playmask.generation.generator import facts_of
from playmask.runtime.padding import Batch, Row
from playmask.tasks.encoded import Encoded
from playmask.tasks.question import Question, one_text
from playmask.tasks.task import Columns, Fields
from playmask.tasks.texts import texts_of
from playmask.tasks.writing.replacement import Written
from playmask.tasks.writing.settings import BY_LABEL, LanguageModelSettings
from playmask.tasks.writing.tokens import TokenTask, following, perplexity, read_on
from playmask.tasks.writing.writer import PromptRows, Writer, picked
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.transformer import Transformer
    from playmask.tasks.writing.token_network import TokenNetwork

ROOM = 64  # new tokens at most, where nobody says how many


class LanguageModel(TokenTask[LanguageModelSettings]):
    """Learns which token comes next in texts, and writes such texts.

    condition: how a text's label, or a vector, is made known, see CONDITIONS

    Units:  `loss` of `evaluate` in nats per token
    Raises: ConfigError for a model that is none, or labels that do not go with the condition

    Example:
        >>> body = playmask.load(path, heads="mlm", mask="lm")
        >>> task = LanguageModel.new(body, max_length=16)
        >>> isinstance(task.generate("今天", max_tokens=2), str)
        True
    """

    settings_class = LanguageModelSettings
    streams: ClassVar[bool] = True
    continues: ClassVar[bool] = True  # what is written goes on from a prompt

    @classmethod
    def model_options(cls, settings: LanguageModelSettings) -> Fields:
        """The vocabulary head, the causal mask, and the size of the condition of norms."""
        sizes = {"label": len(settings.labels), "vector": settings.size}
        size = sizes.get(str(settings.condition))
        return {"heads": "mlm", "mask": "lm", **({} if size is None else {"condition_size": size})}

    @classmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: LanguageModelSettings
    ) -> "TokenNetwork":
        """The Transformer's logits, where it is a language model of this condition."""
        from playmask.tasks.writing.token_network import language_network

        return language_network(transformer, settings.condition, settings.labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of texts."""
        return self.settings.labels

    @property
    def begin(self) -> list[int]:
        """The ids that texts begin with."""
        if self.settings.begin is not None:
            return [*self.settings.begin]
        return [*(self.tokenizer.frame.head or _end(self.tokenizer))]

    @cached_property
    def writer(self) -> Writer:
        """What goes on from texts."""
        return Writer(self.network.text_model, self.tokenizer, self)

    @classmethod
    def parse(
        cls,
        settings: LanguageModelSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
        lazily: bool = False,
    ) -> Examples[Example]:
        """Read texts, with labels where the condition is one."""
        if settings.condition == "vector":
            raise DataError(f"{path}: A file holds no vectors; give (text, vector) pairs.")
        reading: Fields = {"columns": columns, "skip_bad": skip_bad, "lazily": lazily}
        if settings.condition is None:
            return read_single(path, **reading)
        return read_examples(path, labels=settings.labels or None, **reading)

    def reads_lines(self, path: Path) -> bool:
        """Whether a file holds one text per line, as training reads it."""
        plain = self.settings.condition is None and suffix_of(path) == ".txt"
        return plain or super().reads_lines(path)

    @classmethod
    def names(cls, example: Example) -> Iterable[str]:
        """The label of an example, where it has one."""
        return (example.label,) if isinstance(example.label, str) else ()

    @classmethod
    def learn(
        cls, settings: LanguageModelSettings, examples: Examples[Any]
    ) -> LanguageModelSettings:
        """The labels that occur, where the condition is one and none were named."""
        if settings.labels or settings.condition not in BY_LABEL:
            return settings
        names = (name for example in examples for name in cls.names(example))
        return settings.change(labels=tuple(ordered(names)))

    def check(self, example: Any) -> Example:
        """A text, or one with its condition: a label, or a vector as a tuple of numbers."""
        condition = self.settings.condition
        if isinstance(example, Example):
            example = example.text if condition is None else (example.text, example.label)
        pair = (example, None) if condition is None else example
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            what = "vector" if condition == "vector" else "label"
            raise BadExample(f"It is {example!r:.80}, not (text, {what}).")
        try:
            (each,) = self._conditions(pair[1], 1, "It")
        except DataError as error:
            raise BadExample(str(error)) from None
        return Example(filled(pair[0]), None, each)

    def _conditions(self, condition: Any, count: int, what: str = "A prompt") -> list[Any]:
        """The condition of each of some texts, checked: labels, vectors as tuples, or None."""
        if self.settings.condition is None:
            return [None] * count
        if self.settings.condition == "vector":
            size = facts_of(self.network.text_model).condition or 0
            vectors = np.asarray(() if condition is None else condition, "float32")
            if vectors.shape not in ((size,), (count, size)):
                raise DataError(f"{what} has a vector of {vectors.shape}; ({size},) is due.")
            return [tuple(map(float, row)) for row in np.broadcast_to(vectors, (count, size))]
        one = condition is None or isinstance(condition, str)
        labels = [condition] * count if one else list(condition)
        for label in labels:
            if label not in self.labels:
                near = nearest(str(label), self.labels)
                raise DataError(f"{what} has the label {label!r}.{near}")
        if len(labels) != count:
            raise InputError(f"{len(labels)} labels were given for {count} texts.")
        return labels

    def _begun(
        self, texts: Sequence[str], conditions: Sequence[Any]
    ) -> list[tuple[list[int], list[int]]]:
        """What comes before each text, and its own tokens."""
        code = CONDITIONS[self.settings.condition].code
        before = {one: [*self.begin, *code(self, one)] for one in dict.fromkeys(conditions)}
        encodings = self.tokenizer.encode(list(texts), special=False)
        return [(before[one], e.ids) for one, e in zip(conditions, encodings, strict=True)]

    def encode_examples(self, examples: Sequence[Example]) -> Encoded:
        """Tokens, and which of them count: not what comes before a text.

        Targets are the vectors that the norms depend on, (examples, C); C = 0 where there are none.
        """
        conditions = [example.label for example in examples]
        begun = self._begun([example.text for example in examples], conditions)
        rows = [self._row(before, ids) for before, ids in begun]
        return Encoded(rows, self._vectors(conditions))

    def _row(self, before: list[int], ids: list[int]) -> Row:
        tokens = [*before, *ids, *_end(self.tokenizer)][: self.settings.max_length]
        return {"tokens": tokens, "counts": ([0] * len(before) + [1] * len(tokens))[: len(tokens)]}

    def row(self, text: str) -> Row:
        """The tokens of a text's beginning."""
        return {"tokens": self.prompts([text]).rows[0][: self.settings.max_length]}

    def _vectors(self, conditions: Sequence[Any]) -> npt.NDArray[Any]:
        vector = CONDITIONS[self.settings.condition].vector
        rows = [vector(self, one) for one in conditions]
        return np.array(rows, "float32").reshape(len(conditions), -1)

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which token comes next, everywhere in a text."""
        inputs, condition, weights = batch
        counts = inputs.pop("counts")
        if condition.shape[1]:
            inputs["condition"] = condition
        targets = following(inputs["tokens"])
        return inputs, targets, weights[:, None] * following(counts).astype("float32")

    def written(self, batch: Batch) -> Written:
        """The tokens that are predicted and read to predict those behind them."""
        return read_on(batch, self.tokenizer.sep)

    def evaluate_examples(self, examples: Sequence[Example]) -> dict[str, float]:
        """Loss (nats per token) and perplexity on texts."""
        loss, _ = self.token_scores(examples)
        return {"loss": loss, "perplexity": perplexity(loss)}

    def prompts(self, texts: Sequence[str], condition: Any = None) -> PromptRows:
        """The texts begun; condition: a label or a vector, one for all or one each."""
        if condition is not None and self.settings.condition is None:
            raise InputError("This language model takes neither labels nor vectors.")
        conditions = self._conditions(condition, len(texts))
        end = _end(self.tokenizer)
        rows = [[*before, *ids] or end for before, ids in self._begun(texts, conditions)]
        if not all(rows):
            raise InputError("This model has no token to begin with; give a text to go on from.")
        vectors = self._vectors(conditions)
        return PromptRows(rows, {"end": end, **({"condition": vectors} if vectors.size else {})})

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How likely a text goes on as the answer says; without one, with its likeliest token."""
        text = one_text(texts, self.name)
        (before,) = self.prompts([text]).rows
        encoding = self.tokenizer.encode(text, special=False)
        if answer is None:
            answer = self.predict(text, max_tokens=1, min_tokens=1)
        continuation = self.tokenizer.encode(answer, special=False).ids
        if not continuation:
            raise InputError(f"The answer {answer!r} has no tokens.")
        tokens, first = [*before, *continuation[:-1]], len(before) - len(encoding)
        after = len(tokens) - len(before)
        return Question(
            {"tokens": tokens},
            [*[(0, 0)] * first, *encoding.offsets, *[(0, 0)] * after],
            [*[-1] * first, *encoding.sources, *[-1] * after],
            [len(text)],
            answer,
            (np.array(continuation, "int32"),),
            {"read": np.arange(len(before) - 1, len(tokens), dtype="int32")[None]},
            unit="log-probability",
        )

    def room(self, rows: Sequence[Sequence[int]]) -> int:
        """What max_length leaves, up to ROOM."""
        return max(min(self.settings.max_length - max(map(len, rows)), ROOM), 1)

    def decode(self, row: Sequence[int], tokens: Sequence[int]) -> str:
        """How the text of a row goes on; a word may go on that it ended with."""
        before, whole = self.tokenizer.decode(row), self.tokenizer.decode([*row, *tokens])
        if whole.startswith(before):
            return whole.removeprefix(before)
        return self.tokenizer.decode(tokens)

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
        condition = label if vector is None else vector
        written = self.writer.write(texts, condition=condition, **options)
        whole = [
            [one._replace(text=text + one.text) for one in row]
            for text, row in zip(texts_of(texts), written, strict=True)
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
        condition = label if vector is None else vector
        written = self.writer.write(texts, condition=condition, **options)
        return picked(texts, written, best)


def _end(tokenizer: Tokenizer) -> list[int]:
    """The token that ends a text, where there is one."""
    return [] if tokenizer.sep is None else [tokenizer.sep]


class Conditioning(NamedTuple):
    """How a text's condition is made known: by tokens before it, by numbers for the norms."""

    code: Callable[[LanguageModel, Any], Sequence[int]] = lambda task, condition: ()
    vector: Callable[[LanguageModel, Any], Sequence[float]] = lambda task, condition: ()


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


CONDITIONS: dict[str | None, Conditioning] = {
    None: Conditioning(),
    "label": Conditioning(vector=_one_hot),
    "code": Conditioning(code=_text),
    "unused": Conditioning(code=_unused),
    "vector": Conditioning(vector=lambda task, vector: vector),
}
"""None; the label as a one-hot vector for conditional norms; the label's own text put first; a
token of the vocabulary that no text has, put first; a given vector for conditional norms."""
