"""Extraction from texts of any length, read in windows."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from playmask.data.examples import Examples
from playmask.data.formats.segmented import is_segmented
from playmask.data.formats.tag_columns import WORD
from playmask.data.gathering import suffix_of
from playmask.data.inputs import is_table, read_texts, refuse_tags
from playmask.data.mentions import SEGMENTED
from playmask.data.offsets import trimmed
from playmask.errors import ConfigError, DataError, InputError
from playmask.metrics.items import label_confusions
from playmask.metrics.sets import Scores, label_scores
from playmask.runtime.padding import Batch, Row
from playmask.tasks import on_demand
from playmask.tasks.encoded import Encoded
from playmask.tasks.example_notes import (
    Located,
    add_notes,
    misalignments,
    trimming_notes,
    unlearnt_notes,
)
from playmask.tasks.extraction.content import Content, Marked
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import ExtractionSettings
from playmask.tasks.question import Question, one_text
from playmask.tasks.reports import ClassReport
from playmask.tasks.selection import Network
from playmask.tasks.task import Columns, Fields, Task
from playmask.tasks.texts import texts_of
from playmask.tasks.windows import Window, windows_over
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.masks import Tensor
    from playmask.model.transformer import Transformer
    from playmask.tasks.network import TaskNetwork
    from playmask.tasks.objective import Objective

E = TypeVar("E", bound=ExtractionSettings)


class Extractor(Task[E], Generic[E]):
    """A task that finds something in texts of any length; each example has a `text`.

    A text of more than max_length tokens is read in windows that share a quarter of them; what is
    found is taken from the window that shows most around it.

    content: what is found; methods: how, by the setting `method`
    """

    content: ClassVar[Content]
    methods: ClassVar[Mapping[str, type[Method[Any]]]]
    best: ClassVar[str | None] = "f1"
    fresh: ClassVar[Mapping[str, Any]] = {"position": "rotary"}  # how far tokens are apart

    def __init__(self, network: Network, tokenizer: Tokenizer, settings: E) -> None:
        self.method = self.methods[settings.method](network, settings)
        self.selection = self.method.selection
        super().__init__(network, tokenizer, settings)

    @classmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: E
    ) -> "TaskNetwork":
        """Build the method's network around a Transformer."""
        if not settings.labels:
            raise ConfigError("At least one label is needed, and each once; received [].")
        return cls.methods[settings.method].build_network(transformer, settings)

    @property
    def labels(self) -> tuple[str, ...]:
        """What may be found."""
        return self.settings.labels

    @property
    def marks(self) -> tuple[str, ...]:
        """The labels of what `mark` marks."""
        return (*self.content.subject, *self.labels)

    def mark(self, text: str, items: Sequence[Any]) -> Marked:
        """What to mark in a text of what was found there, and lines that say the rest."""
        return self.content.mark(text, items)

    # Examples

    @classmethod
    def parse(
        cls, settings: E, path: str | Path, *, columns: Columns = None, skip_bad: bool = False
    ) -> Examples[Any]:
        """Read texts with what is in them."""
        options = {name: getattr(settings, name) for name in cls.content.options}
        return cls.content.parse(path, columns=columns, skip_bad=skip_bad, **options)

    def check(self, example: Any) -> Any:
        """An example of the task's labels, also from (text, items)."""
        return self.content.check(self.check_reference(example), self.labels)

    def check_reference(self, example: Any) -> Any:
        """An example of any labels: what was not learnt is to be found too.

        White space at the ends of what is marked is no part of it.
        """
        example = self.content.example_of(example)
        text = example.text
        if all(trimmed(text, *place) == place for place in self.content.places(example)):
            return example
        return self.content.moved(example, lambda place: trimmed(text, *place))

    def check_notes(self, before: Examples[Any], after: Examples[Any]) -> list[str]:
        """How much was trimmed, and which labels were not learnt."""
        return [
            *trimming_notes(before, after, self._located),
            *unlearnt_notes((name for each in after for name in self.names(each)), self.labels),
        ]

    def alignment_notes(self, examples: Sequence[Any]) -> list[str]:
        """What no token's ends meet."""
        windows = self.windows([example.text for example in examples])
        return misalignments(windows, examples, self._located)

    def _located(self, example: Any) -> Located:
        example = self.content.example_of(example)
        return Located(example.text, [*self.content.places(example)])

    def learnable(self, references: Examples[Any]) -> Examples[Any]:
        """The references without what is of labels that were not learnt."""
        labels = {*self.labels}
        return references.replaced(
            each if labels.issuperset(self.names(each)) else self.content.known(each, labels)
            for each in references
        )

    @classmethod
    def names(cls, example: Any) -> Iterable[str]:
        """The labels of what is in an example."""
        return cls.content.names(example)

    @classmethod
    def learn(cls, settings: E, examples: Examples[Any]) -> E:
        """The labels that occur, where none were named."""
        if settings.labels:
            return settings
        labels = sorted({name for example in examples for name in cls.names(example)})
        if not labels:
            raise DataError(
                f"{examples.source}There are {len(examples)} texts and nothing to find in them."
            )
        return settings.change(labels=tuple(labels))

    def answered(self, text: Any, answer: Any) -> Any:
        """A text with what was found in it."""
        return self.check((text, answer))

    # The network

    def windows(self, texts: Sequence[str]) -> list[Window]:
        """All windows of some texts, in order."""
        return windows_over(self.tokenizer, self.settings.max_length, texts)

    def encode_examples(self, examples: Sequence[Any]) -> Encoded:
        """A row for each window of each example, and what is to be learnt there."""
        windows = self.windows([example.text for example in examples])
        add_notes(examples, misalignments(windows, examples, self._located))
        rows = [self.inputs(window.encoding) for window in windows]
        targets = self.method.targets(windows, examples)
        return Encoded(rows, targets, [window.text for window in windows])

    def row(self, text: str) -> Row:
        """The network's inputs for the beginning of a text."""
        return self.inputs(self.windows([text])[0].encoding)

    @property
    def objective(self) -> "Objective":
        """The losses of the method."""
        method = self.method
        return on_demand.Objective(method.losses, targets=method.kind, classes=method.classes)

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """What the method asks of the network."""
        return self.method.prepare(batch, random)

    # Answers

    def predict(self, texts: str | list[str]) -> Any:
        """What is in a text, or in each of a list: sorted by place, with probabilities."""
        several = texts_of(texts)
        items: list[list[Any]] = [[] for _ in several]
        windows = self.windows([text if text.strip() else "" for text in several])
        windows = [window for window in windows if window.total]
        if windows:
            outputs = self.predictor([self.inputs(window.encoding) for window in windows])
            for i, item in self.method.extract(windows, outputs):
                items[i].append(item)
        answers = [sorted(each) for each in items]
        return answers[0] if isinstance(texts, str) else answers

    def measure(
        self, examples: Sequence[Any], answers: Sequence[Any], metric: str | None = None
    ) -> dict[str, float]:
        """Precision, recall and F1 of what was found, by one of the rules."""
        scores: Scores = self.metric(metric)(self._as_examples(examples, answers), examples)
        return scores._asdict()

    def report(self, examples: Sequence[Any], answers: Sequence[Any]) -> ClassReport:
        """Scores of each label, place and label just so; and which was taken for which."""
        predictions, targets = (
            [[*self.content.labelled(each)] for each in some]
            for some in (self._as_examples(examples, answers), examples)
        )
        matrix, names = label_confusions(predictions, targets, self.labels)
        by_class = label_scores(predictions, targets, names[:-1])
        return ClassReport(by_class, matrix, names)

    def _as_examples(self, examples: Sequence[Any], answers: Sequence[Any]) -> list[Any]:
        """Answers as examples of the same texts."""
        both = zip(examples, answers, strict=True)
        return [self.content.example_of((example.text, items)) for example, items in both]

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How surely the surest mention of a label is one; without a label, the surest of all."""
        if not self.method.scores_mentions:
            raise ConfigError(f"A task {self.name!r} cannot be explained: it scores no mentions.")
        text = one_text(texts, self.name)
        window, *more = self.windows([text])
        spans = [item for item in self.predict(text) if answer in (None, item[2])]
        places = [(each, window.whole(each[0], each[1])) for each in spans]
        whole = [(mention, place) for mention, place in places if place]
        if not whole:
            of = "" if answer is None else f" {answer!r}"
            raise InputError(f"The task finds no mention{of} in {text!r:.60}.")
        mention, place = max(whole, key=lambda both: both[0].score)
        return Question(
            self.inputs(window.encoding),
            window.encoding.offsets,
            window.encoding.sources,
            [window.offsets[-1][1] if more else len(text)],
            mention.label,
            self.method.mention_targets(mention.label, *place),
        )

    def score(self, outputs: "dict[str, Tensor]", *targets: "Tensor") -> "Tensor":
        """The log-odds of a mention, in nats: (B,)."""
        return self.method.mention_score(outputs, *targets)

    # Files

    def reads_lines(self, path: Path) -> bool:
        """Whether a file holds one text per line; one of tokens and tags is refused."""
        refuse_tags(path)
        return not (is_table(path) or self._has_words(path))

    def _has_words(self, path: Path) -> bool:
        """Whether a file holds words between spaces, as a task that finds words has learnt them."""
        return self.labels == (WORD,) and suffix_of(path) in SEGMENTED and is_segmented(path)

    def read_inputs(
        self, path: Path, *, columns: Columns = None, skip_bad: bool = False
    ) -> Examples[Any]:
        """Read texts from a competition's file, from a table, or of words between spaces."""
        if self._has_words(path):
            return self.parse(self.settings, path, columns=columns, skip_bad=skip_bad)
        return read_texts(path, columns, skip_bad=skip_bad)

    def input_of(self, example: Any) -> str:
        """The text of an example."""
        return str(example.text)

    def example_json(self, example: Any) -> Fields:
        """The text."""
        return {"text": example.text}

    def answer_json(self, example: Any, answer: Any) -> Fields:
        """What was found, with its places."""
        return self.content.json(example.text, answer)

    def target_json(self, example: Any) -> Fields:
        """What is in the text, with its places."""
        return self.content.json(example.text, self.content.items(example))
