"""Reranking: how relevant each of some passages is to a query, read together with it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from playmask.data.examples import Example, Examples
from playmask.data.gathering import BadExample
from playmask.errors import InputError
from playmask.metrics.ranking import average_precision, rankings_by_query
from playmask.tasks import on_demand
from playmask.tasks.classification.answers import DIGITS, AnswerSpace, Array, mean_log_odds
from playmask.tasks.classification.text_task import TextTask
from playmask.tasks.similarity.pairs import check_scored, logistic, read_scored
from playmask.tasks.similarity.settings import RerankerSettings
from playmask.tasks.task import Columns

if TYPE_CHECKING:
    import keras

    from playmask.model.masks import Tensor


class Ranked(NamedTuple):
    """A passage, its number among those that were ranked, and its score."""

    passage: str
    number: int
    score: float


class Relevance(AnswerSpace):
    """One logit, the log-odds of being relevant, and the score that is made of it."""

    size = 1

    def __init__(self, settings: RerankerSettings) -> None:
        self.activation = ACTIVATIONS[settings.activation]

    def check(self, label: Any) -> float:
        """A number from 0, not relevant, to 1."""
        number = float(check_scored(("query", "passage", label)).label)
        if not 0 <= number <= 1:
            raise BadExample(f"It has the score {number:g}; from 0, not relevant, to 1 is due.")
        return number

    def targets(self, labels: Sequence[Any]) -> Array:
        """How relevant each passage is: float32 (texts, 1)."""
        return np.array(labels, "float32")[:, None]

    @property
    def loss(self) -> "keras.losses.Loss":
        """Binary cross-entropy, in nats."""
        return on_demand.binary_crossentropy()

    def answers(self, logits: Array) -> list[float]:
        """The score of each pair."""
        return [float(score) for score in self.activation(logits[:, 0])]

    def averaged(self, logits: Array) -> Array:
        """The log-odds of the mean probability."""
        return mean_log_odds(logits)

    def scores(self, logits: "Tensor") -> "dict[str, Tensor]":
        """The log-odds of being relevant, in nats."""
        return {"score": logits[:, 0]}

    def measure(self, answers: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Average precision over all pairs."""
        return {"average_precision": average_precision(answers, labels)}

    def answer_json(self, answer: Any) -> dict[str, Any]:
        """The score."""
        return {"score": round(answer, DIGITS)}

    def target_json(self, label: Any) -> dict[str, Any]:
        """The score."""
        return {"score": float(label)}


ACTIVATIONS: Mapping[str, Any] = {"sigmoid": logistic, "identity": lambda logits: logits}
"""How scores are made of logits."""


class Reranker(TextTask[RerankerSettings]):
    """Scores how relevant passages are to a query, by reading each together with it.

    A cross-encoder: slower than comparing vectors, and better, so it orders what a SentenceEncoder
    has found. `load_task` makes one of a published model, such as bge-reranker.

    Shapes: `predict` takes (query, passage) or a list of them, and answers with a float each
    Units:  scores as published: from 0 to 1, or logits where activation="identity"
    Raises: DataError for a pair without a score from 0 to 1 to learn from
    Source: Nogueira & Cho 2019; reproduces sentence-transformers' CrossEncoder

    Example:
        >>> task = Reranker.new(model, max_length=16)
        >>> best = task.rerank("今天下雨", ["天气很好", "下雨了", "花呗"], n=1)
        >>> len(best), 0 <= best[0].score <= 1
        (1, True)
    """

    settings_class = RerankerSettings
    best: ClassVar[str | None] = "average_precision"

    @staticmethod
    def space_of(settings: RerankerSettings) -> AnswerSpace:
        """Relevance."""
        return Relevance(settings)

    @classmethod
    def parse(
        cls,
        settings: RerankerSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
    ) -> Examples[Example]:
        """Read queries, passages and scores from a table or JSON lines."""
        return read_scored(path, columns=columns, skip_bad=skip_bad)

    def check(self, example: Any) -> Example:
        """An Example, or (query, passage, score)."""
        pair = check_scored(example)
        return pair._replace(label=self.space.check(pair.label))

    def rerank(self, query: str, passages: Sequence[str], n: int | None = None) -> list[Ranked]:
        """The passages that are most relevant to a query, the best first; n: so many of them.

        Raises: InputError for what is no text, and an n that is no number from 1
        """
        if not isinstance(query, str) or isinstance(passages, str):
            raise InputError(
                f"rerank takes a query and a list of passages, not {query!r:.40} and "
                f"{passages!r:.40}."
            )
        if n is not None and not (type(n) is int and n >= 1):
            raise InputError(f"n is a number from 1, not {n!r:.40}.")
        scores = self.predict([(query, passage) for passage in passages])
        order = sorted(range(len(scores)), key=lambda i: -scores[i])
        return [Ranked(passages[i], i, scores[i]) for i in order[:n]]

    def measure(
        self, examples: Sequence[Example], answers: Sequence[Any], metric: str | None = None
    ) -> dict[str, float]:
        """Average precision over all pairs; MRR, MAP and nDCG@10 as means over queries."""
        labels, queries = ([e.label for e in examples], [e.text for e in examples])
        scores = rankings_by_query(queries, answers, labels)._asdict()
        by_query = {name: scores[name] for name in ("mrr", "map", "ndcg_10")}
        return {**super().measure(examples, answers, metric), **by_query}
