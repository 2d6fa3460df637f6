"""Pairs of sentences and how similar they are: reading them, and scoring them together."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from playmask.data.examples import Example, Examples
from playmask.data.gathering import BadExample, check_all, filled
from playmask.data.readers import read_examples
from playmask.data.sentences import Sentences
from playmask.errors import DataError
from playmask.metrics.similarity import correlation
from playmask.tasks import on_demand
from playmask.tasks.classification.answers import (
    DIGITS,
    AnswerSpace,
    Array,
    mean_log_odds,
    numbers_of,
)
from playmask.tasks.classification.text_task import TextTask
from playmask.tasks.similarity.settings import PairSettings
from playmask.tasks.task import Columns

if TYPE_CHECKING:
    import keras

    from playmask.model.masks import Tensor


def check_pair(example: Any) -> Example:
    """A pair of sentences, as (text, pair[, score]); its label is the score, or None."""
    if not isinstance(example, (tuple, list)) or len(example) not in (2, 3):
        raise BadExample(f"It is {example!r:.80}, not (text, pair) or (text, pair, score).")
    text, pair, *score = example
    if pair is None:
        raise BadExample(f"It is one text ({text!r:.40}); a pair is two, such as text and pair.")
    both = filled(text), filled(pair, "pair")
    if not score or score[0] is None:
        return Example(*both)
    (number,) = numbers_of(score[0])
    return Example(*both, number)


def check_scored(example: Any) -> Example:
    """A pair of sentences with its score, as (text, pair, score)."""
    pair = check_pair(example)
    if pair.label is None:
        raise BadExample("It has no score; all pairs need one.")
    return pair


def read_scored(path: str | Path, *, columns: Columns, skip_bad: bool) -> Examples[Example]:
    """Read pairs that all have a score from a table or JSON lines."""
    examples = read_examples(path, labelled=False, columns=columns, skip_bad=skip_bad)
    return check_all(examples, check_scored, skip_bad=skip_bad)


def scores_of(examples: Sequence[Sentences]) -> npt.NDArray[np.float64]:
    """The scores of pairs that have them: (examples,)."""
    return np.array([float(example.label) for example in examples])


def logistic(logits: Array) -> Array:
    """The logistic function: probabilities of log-odds."""
    probabilities: Array = 0.5 * (1 + np.tanh(0.5 * logits))
    return probabilities


class Scale(AnswerSpace):
    """The place of a score between the lowest and the highest, as a probability."""

    size = 1

    def __init__(self, settings: PairSettings) -> None:
        self.low, self.high = settings.scale

    def check(self, label: Any) -> float:
        """A number."""
        (number,) = numbers_of(label)
        return number

    def targets(self, labels: Sequence[Any]) -> Array:
        """The place of each score on the scale, 0 to 1: float32 (texts, 1)."""
        places = (np.array(labels, "float64")[:, None] - self.low) / (self.high - self.low)
        return np.clip(places, 0, 1).astype("float32")

    @property
    def loss(self) -> "keras.losses.Loss":
        """Cross-entropy of the place on the scale, in nats."""
        return on_demand.binary_crossentropy()

    def answers(self, logits: Array) -> list[float]:
        """The score of each pair."""
        places = logistic(logits[:, 0])
        return [float(self.low + (self.high - self.low) * place) for place in places]

    def averaged(self, logits: Array) -> Array:
        """The log-odds of the mean probability."""
        return mean_log_odds(logits)

    def scores(self, logits: "Tensor") -> "dict[str, Tensor]":
        """The log-odds of the place on the scale, in nats."""
        return {"score": logits[:, 0]}

    def measure(self, answers: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Spearman's and Pearson's correlation with the scores."""
        return correlation(answers, [*map(float, labels)])._asdict()

    def answer_json(self, answer: Any) -> dict[str, Any]:
        """The score."""
        return {"score": round(answer, DIGITS)}

    def target_json(self, label: Any) -> dict[str, Any]:
        """The score."""
        return {"score": float(label)}


class SentencePair(TextTask[PairSettings]):
    """Scores how similar two sentences are, by reading them together.

    Slower than comparing the vectors of a SentenceEncoder, and better: each token sees the other
    sentence.

    Units:  scores are those of the training data, from the lowest to the highest
    Raises: DataError for a pair without a score, or where all scores are the same

    Example:
        >>> task = SentencePair.new(model, max_length=16)
        >>> 0 <= task.predict(("今天下雨", "下雨了")) <= 1
        True
    """

    settings_class = PairSettings
    best: ClassVar[str | None] = "spearman"

    @staticmethod
    def space_of(settings: PairSettings) -> AnswerSpace:
        """A scale."""
        return Scale(settings)

    @classmethod
    def parse(
        cls,
        settings: PairSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
    ) -> Examples[Example]:
        """Read scored pairs from a table or JSON lines."""
        return read_scored(path, columns=columns, skip_bad=skip_bad)

    def check(self, example: Any) -> Example:
        """An Example, or (text, pair, score)."""
        return check_scored(example)

    @classmethod
    def learn(cls, settings: PairSettings, examples: Examples[Any]) -> PairSettings:
        """The lowest and the highest score."""
        scores = scores_of(examples)
        low, high = float(scores.min()), float(scores.max())
        if low == high:
            raise DataError(
                f"{examples.source}All pairs have the score {low:g}; there is nothing to learn."
            )
        return super().learn(settings.change(scale=(low, high)), examples)
