"""Tasks that read a text, or a pair of texts, in one row."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from playmask.data.examples import Example, Examples, ordered
from playmask.data.gathering import NUMBER, BadExample
from playmask.data.inputs import read_table
from playmask.errors import DataError, InputError
from playmask.runtime.padding import Row
from playmask.tasks import on_demand
from playmask.tasks.classification.answers import AnswerSpace
from playmask.tasks.classification.settings import TextSettings, heads_of
from playmask.tasks.encoded import Encoded
from playmask.tasks.question import Question
from playmask.tasks.reports import ClassReport
from playmask.tasks.task import Columns, Fields, Task
from playmask.tokenizers import Tokenizer

if TYPE_CHECKING:
    from playmask.model.masks import Tensor
    from playmask.model.transformer import Transformer
    from playmask.tasks.network import TaskNetwork
    from playmask.tasks.objective import Objective

PAIRED = "which give --pair, or a file of two columns, text and pair"
SEPARATORS = "|,;，；、"  # what may stand between several labels
Text = str | tuple[str, str]
T = TypeVar("T", bound=TextSettings)


class TextTask(Task[T], Generic[T]):
    """A task that reads a text, or a pair of texts, in one row, and answers from one space.

    Its network pools the row into one vector, where it has none of its own.
    """

    _space: tuple[T, AnswerSpace] | None = None

    @staticmethod
    @abstractmethod
    def space_of(settings: T) -> AnswerSpace:
        """What is answered with."""

    @property
    def space(self) -> AnswerSpace:
        """What the task answers with; made once for the settings, which training may change."""
        if self._space is None or self._space[0] is not self.settings:
            self._space = self.settings, self.space_of(self.settings)
        return self._space[1]

    @classmethod
    def model_options(cls, settings: T) -> Fields:
        """The head that the pooling needs."""
        return {"heads": heads_of(settings.pooling)}

    @classmethod
    def build_network(
        cls, transformer: "Transformer", tokenizer: Tokenizer, settings: T
    ) -> "TaskNetwork":
        """Build the network around a Transformer: a logit for each that the answers need."""
        from playmask.tasks.classification.network import ClassifierNetwork

        size = cls.space_of(settings).size
        vector = settings.pooling, settings.dropout, settings.transform
        return ClassifierNetwork(transformer, size, *vector)

    # Examples

    def check(self, example: Any) -> Example:
        """An Example, or (text, label), or (text, pair, label)."""
        if not isinstance(example, (tuple, list)) or len(example) not in (2, 3):
            raise BadExample(f"It is {example!r:.80}, not (text, label) or (text, pair, label).")
        text, *pair, label = example
        other = pair[0] if pair else None
        if not isinstance(text, str) or not isinstance(other, str | None):
            raise BadExample(f"It is {example!r:.80}; texts are str.")
        self.check_pair(other is not None, text)
        return Example(text, other, self.space.check(label))

    def check_pair(self, is_pair: bool, text: str) -> None:
        """See that a pair comes where the task was trained on pairs, and only there."""
        if self.settings.pairs not in (None, is_pair):
            names = ("single texts", "pairs")
            raise BadExample(
                f"The task was trained on {names[not is_pair]}, "
                f"{PAIRED if not is_pair else 'without a second text'}; "
                f"this came: {text!r:.60}."
            )

    def answered(self, text: Text, answer: Any) -> Example:
        """A text, or a pair, labelled as it was answered."""
        parts = (text,) if isinstance(text, str) else text
        return self.check((*parts, self.space.label_of(answer)))

    @classmethod
    def learn(cls, settings: T, examples: Examples[Example]) -> T:
        """Whether the examples are pairs."""
        pairs = (example.pair is not None for example in examples)
        first, alone = next(pairs), None
        for i, pair in enumerate(pairs, 1):
            if pair is not first:
                alone = i if first else 0
                break
        if alone is not None:
            raise DataError(
                f"{examples.place_of(alone)} is one text among pairs; give all, or none, a pair."
            )
        return settings.change(pairs=first)

    # The network

    def check_pairs(self, examples: Sequence[Example]) -> None:
        """See that the task takes each of some texts, or pairs; raises DataError for others."""
        for i, example in enumerate(examples):
            try:
                self.check_pair(example.pair is not None, example.text)
            except BadExample as error:
                raise DataError(f"Text {i}: {error}") from None

    def rows(self, examples: Sequence[Example]) -> list[Row]:
        """Tokens and segments of each example; raises DataError for texts among pairs."""
        self.check_pairs(examples)
        texts = [example.text for example in examples]
        pairs: Any = [example.pair for example in examples]
        if all(pair is None for pair in pairs):
            pairs = None
        elif None in pairs:
            raise DataError(
                f"Example {pairs.index(None)} is one text among pairs; give all, or none, a pair."
            )
        encodings = self.tokenizer.encode(texts, pairs, max_length=self.settings.max_length)
        return [self.inputs(encoding) for encoding in encodings]

    def row(self, text: Text) -> Row:
        """The network's inputs for one text, or pair."""
        return self.rows([unlabelled(0, text)])[0]

    def encode_examples(self, examples: Sequence[Example]) -> Encoded:
        """A row for each example, and what its label stands for."""
        targets = self.space.targets([example.label for example in examples])
        return Encoded(self.rows(examples), targets)

    @property
    def objective(self) -> "Objective":
        """The loss and the metrics of the answers."""
        metrics = self.space.training_metrics
        return on_demand.Objective(
            {"logits": self.space.loss},
            metrics={"logits": metrics} if metrics else {},
            targets=self.space.kind,
            classes=self.space.labels,
        )

    def scores(self, outputs: "dict[str, Tensor]") -> "dict[str, Tensor]":
        """How strongly the logits speak for each answer."""
        return self.space.scores(outputs["logits"])

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How a text, or a pair, is read when an answer is explained; None = the task's own."""
        return super().question(texts, answer)._replace(unit=self.space.unit)

    # Answers

    def logits(self, examples: Sequence[Example]) -> npt.NDArray[np.float64]:
        """What the network says of each example: (examples, size)."""
        outputs = self.predictor(self.rows(examples))
        return np.stack([output["logits"] for output in outputs]).astype("float64")

    def answer(self, examples: Sequence[Example]) -> list[Any]:
        """What is answered to each example."""
        return self.space.answers(self.logits(examples)) if examples else []

    def predict(self, texts: Text | list[Text]) -> Any:
        """The answer to a text, a pair, or a list of either."""
        if not isinstance(texts, (str, tuple, list)):
            raise InputError(f"predict takes a text, a pair or a list of them, not {texts!r:.80}.")
        if isinstance(texts, (str, tuple)):
            return self.predict([texts])[0]
        return self.answer([unlabelled(i, text) for i, text in enumerate(texts)])

    def measure(
        self, examples: Sequence[Example], answers: Sequence[Any], metric: str | None = None
    ) -> dict[str, float]:
        """Scores of answers against the labels."""
        return self.space.measure(answers, [example.label for example in examples])

    def report(self, examples: Sequence[Example], answers: Sequence[Any]) -> ClassReport | None:
        """Scores by label, where there are labels."""
        return self.space.report(answers, [example.label for example in examples])

    def read_inputs(
        self, path: Path, *, columns: Columns = None, skip_bad: bool = False
    ) -> Examples[Example]:
        """Read a table of texts or pairs; the task knows which, and the labels that may follow."""
        return read_table(
            path,
            columns,
            pairs=self.settings.pairs,
            is_label=self.space.is_label,
            separator=self.space.separator,
            skip_bad=skip_bad,
        )

    def answer_json(self, example: Example, answer: Any) -> Fields:
        """What stands for an answer in JSON."""
        return self.space.answer_json(answer)

    def target_json(self, example: Example) -> Fields:
        """What stands for an example's label in JSON."""
        return self.space.target_json(example.label)


def learn_labels(settings: T, examples: Examples[Example], names: Iterable[str]) -> T:
    """The settings with the labels that occur, where none were named.

    Raises: DataError where there is none, or hardly a text has the label of another
    """
    if settings.labels:
        return settings
    labels = ordered(names)
    where = examples.source
    if not labels:
        raise DataError(f"{where}No text has a label; there is nothing to learn.")
    check_learnt(labels, examples, where, several=getattr(settings, "multiple", False))
    return settings.change(labels=tuple(labels))


def check_learnt(
    labels: Sequence[str], examples: Sequence[Example], where: str, *, several: bool
) -> None:
    """See that the labels of examples are classes: no scores, no texts, no lists of classes."""
    if len(labels) > max(20, len(examples) // 2) or _repeated(examples, -(-len(labels) // 2)):
        raise DataError(
            f"{where}There are {len(labels)} labels in {len(examples)} lines; if the columns are "
            "the other way round, give --columns label,text."
        )
    if len(labels) > 2 and all(map(NUMBER.fullmatch, labels)) and any(float(x) % 1 for x in labels):
        raise DataError(
            f"{where}The labels are scores, {labels[0]} to {labels[-1]}; playmask train regress "
            "(or pair, for similarity) learns scores. As classes they are to be named: --labels."
        )
    for separator in SEPARATORS:
        listed = [label for label in labels if separator in label.strip(separator)]
        parts = {part.strip() for label in labels for part in label.split(separator)}
        alone = next(
            (each for each in listed if {*map(str.strip, each.split(separator))} <= {*labels}), None
        )
        if alone is not None or (listed and len(parts) < len(labels)):
            option = "" if several else "--multiple "
            raise DataError(
                f"{where}The label {alone or listed[0]!r:.80} seems to be several labels; a text "
                f"may have several with {option}--separator {separator!r}. As one class it is to "
                "be named: --labels."
            )


def _repeated(examples: Iterable[Example], least: int) -> bool:
    """Whether there are fewer other texts than `least`; no more of them than that are held."""
    texts: set[str] = set()
    for example in examples:
        texts.add(example.text)
        if len(texts) >= least:
            return False
    return True


def unlabelled(i: int, text: Any) -> Example:
    """A text, or a pair, to predict for."""
    parts = (text,) if isinstance(text, str) else text
    if not isinstance(parts, (tuple, list)) or not all(isinstance(part, str) for part in parts):
        raise InputError(f"Text {i} is {text!r:.80}, not a str or a pair of str.")
    if len(parts) not in (1, 2):
        raise InputError(f"Text {i} has {len(parts)} parts; a text has one, a pair two.")
    return Example(*parts)
