"""What tasks of texts answer with: one label, several labels, or numbers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.data.gathering import BadExample, same_label
from playmask.errors import ConfigError, nearest
from playmask.metrics.classification import (
    class_scores,
    confusion_matrix,
    indicators,
    multilabel_scores,
    subset_accuracy,
)
from playmask.metrics.items import label_confusions
from playmask.tasks import on_demand
from playmask.tasks.loss_changes import Targets
from playmask.tasks.question import Unit
from playmask.tasks.reports import ClassReport

if TYPE_CHECKING:
    import keras

    from playmask.model.masks import Tensor

Array = npt.NDArray[Any]
DIGITS = 6


class Prediction(NamedTuple):
    """A label, and the probability of every label."""

    label: str
    probabilities: dict[str, float]


class MultiPrediction(NamedTuple):
    """The labels of a text, and the probability of each label by itself."""

    labels: tuple[str, ...]
    probabilities: dict[str, float]


class AnswerSpace(ABC):
    """What a task answers with: its logits, its loss, its targets, and how answers are scored.

    Answers are read without Keras; the loss, and what is differentiated, imports it when asked for.

    size: the logits of a text; separator: what stands between several labels in a table; kind:
    what is learnt, by which options change the loss; labels: of the logits, where they have some
    """

    size: int
    separator: str | None = None
    kind: Targets = "other"
    labels: Sequence[str] = ()

    @abstractmethod
    def check(self, label: Any) -> Any:
        """The label of an example as it is learnt; raises BadExample where it cannot be."""

    def is_label(self, cell: str) -> bool:
        """Whether the cell of a table may be a text's label, or its labels."""
        parts = [part.strip() for part in cell.split(self.separator)] if self.separator else []
        try:
            self.check([part for part in parts if part] if self.separator else cell.strip())
        except BadExample:
            return False
        return True

    @abstractmethod
    def targets(self, labels: Sequence[Any]) -> Array:
        """What the network should answer to texts of some labels: (texts, …)."""

    @property
    @abstractmethod
    def loss(self) -> "keras.losses.Loss":
        """The loss of the logits."""

    @property
    def training_metrics(self) -> "list[keras.metrics.Metric]":
        """What is measured of the logits in training."""
        return []

    @abstractmethod
    def answers(self, logits: Array) -> list[Any]:
        """What logits, float64 (texts, size), say."""

    def averaged(self, logits: Array) -> Array:
        """The logits that say what several models do on average: here their mean, of numbers.

        Shapes: (models, texts, size) -> (texts, size)
        """
        mean: Array = logits.mean(axis=0)
        return mean

    def label_of(self, answer: Any) -> Any:
        """The label of an example for which an answer is right."""
        return answer

    unit: ClassVar[Unit] = "log-odds"  # of the scores

    @abstractmethod
    def scores(self, logits: "Tensor") -> "dict[str, Tensor]":
        """How strongly logits (B, size) speak for each answer: (B,) each."""

    @abstractmethod
    def measure(self, answers: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Scores of answers to texts of some labels."""

    def report(self, answers: Sequence[Any], labels: Sequence[Any]) -> ClassReport | None:
        """Scores by class, where there are classes."""
        return None

    @abstractmethod
    def answer_json(self, answer: Any) -> dict[str, Any]:
        """What stands for an answer in JSON."""

    @abstractmethod
    def target_json(self, label: Any) -> dict[str, Any]:
        """What stands for the label of an example in JSON."""


class OneLabel(AnswerSpace):
    """One of two or more labels, by a softmax."""

    kind = "classes"

    def __init__(self, labels: Sequence[str]) -> None:
        if len(labels) < 2:
            raise ConfigError(
                f"A classifier needs two or more distinct labels, not {list(labels)}."
            )
        self.labels, self.size = labels, len(labels)
        self.index = {label: i for i, label in enumerate(labels)}

    def check(self, label: Any) -> str:
        """A label, also a number that is the name of one."""
        return _known(label, self.index)

    def targets(self, labels: Sequence[Any]) -> Array:
        """The index of each label: int32 (texts,)."""
        return np.array([self.index[label] for label in labels], "int32")

    @property
    def loss(self) -> "keras.losses.Loss":
        """Cross-entropy."""
        return on_demand.crossentropy()

    @property
    def training_metrics(self) -> "list[keras.metrics.Metric]":
        """Accuracy."""
        return [on_demand.accuracy()]

    def answers(self, logits: Array) -> list[Prediction]:
        """The label with the highest logit, and the softmax of all."""
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        return [
            Prediction(
                self.labels[int(row.argmax())],
                dict(zip(self.labels, map(float, row), strict=True)),
            )
            for row in chances
        ]

    def averaged(self, logits: Array) -> Array:
        """The logarithm of the mean softmax."""
        logs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        return log_mean(logs)

    def label_of(self, answer: Prediction) -> str:
        """Its label."""
        return answer.label

    def scores(self, logits: "Tensor") -> "dict[str, Tensor]":
        """The log-odds ln(p / (1 - p)) of each label, in nats: the logit against all others."""
        from playmask.labelling.losses import log_odds

        odds = log_odds(logits)
        return {label: odds[:, i] for i, label in enumerate(self.labels)}

    def measure(self, answers: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Accuracy, macro F1 and loss (nats)."""
        matrix = self._confusions(answers, labels)
        chances = [one.probabilities[label] for one, label in zip(answers, labels, strict=True)]
        least = np.finfo("float64").tiny
        return {
            "accuracy": float(np.trace(matrix) / matrix.sum()),
            "macro_f1": class_scores(matrix, self.labels).macro_f1,
            "loss": float(-np.log(np.maximum(chances, least)).mean()),
        }

    def report(self, answers: Sequence[Any], labels: Sequence[Any]) -> ClassReport:
        """Scores of each label, and the confusion matrix."""
        matrix = self._confusions(answers, labels)
        return ClassReport(class_scores(matrix, self.labels).by_class, matrix, self.labels)

    def _confusions(self, answers: Sequence[Any], labels: Sequence[Any]) -> Array:
        return confusion_matrix([answer.label for answer in answers], labels, self.labels)

    def answer_json(self, answer: Any) -> dict[str, Any]:
        """The label, and the probability of each."""
        return {"label": answer.label, "probabilities": _rounded(answer.probabilities)}

    def target_json(self, label: Any) -> dict[str, Any]:
        """The label."""
        return {"label": label}


class SeveralLabels(AnswerSpace):
    """Any number of labels, each where its logit is above 0.

    loss: "softmax", the multi-label softmax of Su (kexue 7359), or "binary", a cross-entropy for
    each label by itself
    """

    def __init__(self, labels: Sequence[str], loss: str = "softmax", separator: str = "|") -> None:
        if not labels:
            raise ConfigError("A classifier of several labels needs one label at least.")
        self.labels, self.size, self.binary = labels, len(labels), loss == "binary"
        self.kind: Targets = "labels" if self.binary else "other"
        self.index, self.separator = {label: i for i, label in enumerate(labels)}, separator

    def check(self, label: Any) -> tuple[str, ...]:
        """A list of labels, perhaps of none, each once."""
        if isinstance(label, str) or not isinstance(label, (list, tuple, set, frozenset)):
            raise BadExample(f"It has the labels {label!r:.60}; a list of names is due.")
        names = {_known(name, self.index) for name in label}
        return tuple(name for name in self.labels if name in names)

    def targets(self, labels: Sequence[Any]) -> Array:
        """1 for each label that a text has: float32 (texts, labels)."""
        return indicators(labels, self.labels).astype("float32")

    @property
    def loss(self) -> "keras.losses.Loss":
        """The multi-label softmax, or binary cross-entropy."""
        from playmask.labelling.losses import MultilabelCrossentropy

        return on_demand.binary_crossentropy() if self.binary else MultilabelCrossentropy()

    def answers(self, logits: Array) -> list[MultiPrediction]:
        """The labels with logits above 0, and the logistic function of each."""
        chances = 0.5 * (1 + np.tanh(0.5 * logits))
        return [
            MultiPrediction(
                tuple(label for label, logit in zip(self.labels, row, strict=True) if logit > 0),
                dict(zip(self.labels, map(float, each), strict=True)),
            )
            for row, each in zip(logits, chances, strict=True)
        ]

    def averaged(self, logits: Array) -> Array:
        """The log-odds of the mean probability of each label."""
        return mean_log_odds(logits)

    def label_of(self, answer: MultiPrediction) -> tuple[str, ...]:
        """Its labels."""
        return answer.labels

    def scores(self, logits: "Tensor") -> "dict[str, Tensor]":
        """The log-odds of each label, in nats."""
        return {label: logits[:, i] for i, label in enumerate(self.labels)}

    def measure(self, answers: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Micro and macro F1, and the share of texts whose labels are all right."""
        predictions = [answer.labels for answer in answers]
        scores = multilabel_scores(predictions, labels, self.labels)
        return {
            "micro_f1": scores.micro_f1,
            "macro_f1": scores.macro_f1,
            "subset_accuracy": subset_accuracy(predictions, labels),
        }

    def report(self, answers: Sequence[Any], labels: Sequence[Any]) -> ClassReport:
        """Scores of each label; and, of labels that a text lacks, which it was given instead."""
        predictions = [answer.labels for answer in answers]
        confusions = label_confusions(
            [[(name,) for name in names] for names in predictions],
            [[(name,) for name in names] for names in labels],
            self.labels,
        )
        by_class = multilabel_scores(predictions, labels, self.labels).by_class
        return ClassReport(by_class, *confusions)

    def answer_json(self, answer: Any) -> dict[str, Any]:
        """The labels, and the probability of each."""
        return {"labels": [*answer.labels], "probabilities": _rounded(answer.probabilities)}

    def target_json(self, label: Any) -> dict[str, Any]:
        """The labels."""
        return {"labels": [*label]}


def log_mean(logs: Array) -> Array:
    """The logarithm of the mean of what logarithms stand for, over the first axis."""
    mean: Array = np.logaddexp.reduce(logs, axis=0) - np.log(len(logs))
    return mean


def mean_log_odds(logits: Array) -> Array:
    """The log-odds of the mean of the probabilities that logits stand for, over the first axis."""
    chances = log_mean(-np.logaddexp(0, -logits)) - log_mean(-np.logaddexp(0, logits))
    odds: Array = chances
    return odds


def numbers_of(value: Any) -> tuple[float, ...]:
    """A number, or a list of them, also as texts; raises BadExample for what is none."""
    listed = value if isinstance(value, (list, tuple)) else (value,)
    numbers = []
    for each in listed:
        try:
            number = float("nan" if isinstance(each, bool) else each)
        except (TypeError, ValueError):
            number = float("nan")
        if not np.isfinite(number):
            raise BadExample(f"It has the score {each!r:.40}, which is no number.")
        numbers.append(number)
    return tuple(numbers)


def _known(label: Any, labels: Mapping[str, int]) -> str:
    name = same_label(str(label), labels)
    if name not in labels:
        raise BadExample(f"It has the label {label!r}.{nearest(name, labels)}")
    return name


def _rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {label: round(value, DIGITS) for label, value in probabilities.items()}
