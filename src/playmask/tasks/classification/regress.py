"""Regression: one or several numbers for a text, or for a pair of texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from playmask.data.examples import Example, Examples
from playmask.data.gathering import BadExample, check_all
from playmask.data.readers import read_examples
from playmask.errors import DataError
from playmask.metrics.similarity import correlation
from playmask.tasks import on_demand
from playmask.tasks.classification.answers import DIGITS, AnswerSpace, Array, numbers_of
from playmask.tasks.classification.settings import RegressorSettings
from playmask.tasks.classification.text_task import TextTask
from playmask.tasks.question import Unit
from playmask.tasks.task import Columns

if TYPE_CHECKING:
    import keras

    from playmask.model.masks import Tensor


class Numbers(AnswerSpace):
    """Numbers, each learnt as so many standard deviations from its mean, by the squared error."""

    unit: ClassVar[Unit] = "number"

    def __init__(self, settings: RegressorSettings) -> None:
        self.size, self.separator = settings.numbers, settings.separator
        self.mean = np.array(settings.mean or (0.0,) * self.size)
        self.deviation = np.array(settings.deviation or (1.0,) * self.size)

    def check(self, label: Any) -> tuple[float, ...]:
        """So many numbers, or the one."""
        numbers = numbers_of(label)
        if len(numbers) != self.size:
            raise BadExample(f"It has {len(numbers)} numbers; {self.size} are due.")
        return numbers

    def targets(self, labels: Sequence[Any]) -> Array:
        """The numbers in standard deviations: float32 (texts, numbers)."""
        scaled: Array = (np.array(labels, "float64") - self.mean) / self.deviation
        return scaled.astype("float32")

    @property
    def loss(self) -> "keras.losses.Loss":
        """The mean squared error."""
        return on_demand.squared_error()

    def answers(self, logits: Array) -> list[Any]:
        """A number for each text, or a tuple of them."""
        rows = (self.mean + self.deviation * logits).tolist()
        return [row[0] for row in rows] if self.size == 1 else [tuple(row) for row in rows]

    def scores(self, logits: "Tensor") -> "dict[str, Tensor]":
        """The numbers, in the data's units."""
        names = ["score"] if self.size == 1 else [f"score {i}" for i in range(self.size)]
        return {
            name: float(self.mean[i]) + float(self.deviation[i]) * logits[:, i]
            for i, name in enumerate(names)
        }

    def measure(self, answers: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Pearson's and Spearman's correlation and the mean squared error, means over numbers."""
        predictions = np.array(answers, "float64").reshape(len(labels), self.size)
        targets = np.array(labels, "float64")
        columns = [
            correlation(one.tolist(), other.tolist())._asdict()
            for one, other in zip(predictions.T, targets.T, strict=True)
        ]
        means = {name: float(np.mean([each[name] for each in columns])) for name in columns[0]}
        return {**means, "mse": float(np.mean((predictions - targets) ** 2))}

    def answer_json(self, answer: Any) -> dict[str, Any]:
        """The number, or the list of them."""
        if self.size == 1:
            return {"score": round(answer, DIGITS)}
        return {"scores": [round(each, DIGITS) for each in answer]}

    def target_json(self, label: Any) -> dict[str, Any]:
        """The number, or the list of them."""
        return {"score": label[0]} if self.size == 1 else {"scores": [*label]}


class TextRegressor(TextTask[RegressorSettings]):
    """Gives each text, or pair of texts, one or several numbers.

    Shapes: `predict` answers with a float, of numbers > 1 with a tuple of so many
    Units:  those of the training data, whose mean and deviation are taken out while learning
    Raises: DataError for a label that is no number, or where all are the same

    Example:
        >>> task = TextRegressor.new(model, max_length=16)
        >>> isinstance(task.predict(("今天下雨", "下雨了")), float)
        True
    """

    settings_class = RegressorSettings
    best: ClassVar[str | None] = "pearson"

    @staticmethod
    def space_of(settings: RegressorSettings) -> AnswerSpace:
        """So many numbers."""
        return Numbers(settings)

    @classmethod
    def parse(
        cls,
        settings: RegressorSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
    ) -> Examples[Example]:
        """Read texts, or pairs, and their numbers, from a table or JSON lines."""
        space = Numbers(settings)
        examples = read_examples(
            path, separator=space.separator, columns=columns, skip_bad=skip_bad
        )

        def numbered(example: Example) -> Example:
            return example._replace(label=space.check(example.label))

        return check_all(examples, numbered, skip_bad=skip_bad)

    @classmethod
    def learn(cls, settings: RegressorSettings, examples: Examples[Any]) -> RegressorSettings:
        """The mean and the deviation of each number at first, and whether texts are pairs."""
        if settings.mean:  # a further training goes on in the same units
            return super().learn(settings, examples)
        numbers = np.array([example.label for example in examples], "float64")
        same = numbers.min(axis=0) == numbers.max(axis=0)  # their deviation may be rounded above 0
        if same.any():
            score = numbers[0, int(np.argmax(same))]
            raise DataError(
                f"{examples.source}All texts have the score {score:g}; there is nothing to learn."
            )
        mean, deviation = numbers.mean(axis=0).tolist(), numbers.std(axis=0).tolist()
        settings = settings.change(mean=mean, deviation=deviation)
        return super().learn(settings, examples)
