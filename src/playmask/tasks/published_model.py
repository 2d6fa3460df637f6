"""A published model with a head, as the settings of a task are read off it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from playmask.errors import ConfigError
from playmask.families.published_heads import SEQUENCE, VectorHead

LONGEST = 512
"""Tokens of a row where nothing says how many there may be."""

PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")
RANKING = "ranking"  # the scores of pairs, for which Hugging Face has no word
CROSS_ENCODER = "CrossEncoder"


@dataclass(frozen=True)
class PublishedModel:
    """A published model with a head.

    head: what its class's name ends with; config: its configuration; labels: of its logits;
    vector: how a text becomes a vector, of heads that read one; longest: tokens of a row;
    sentence_transformers: what that program's own files say of it
    """

    head: str
    config: Mapping[str, Any]
    labels: tuple[str, ...]
    vector: VectorHead | None = None
    longest: int = LONGEST
    sentence_transformers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def score_activation(self) -> str | None:
        """The class of PyTorch's that makes scores of logits, where sentence-transformers says."""
        nested = self.config.get("sentence_transformers")
        inner = nested if isinstance(nested, Mapping) else {}
        older = self.config.get("sbert_ce_default_activation_function")
        names = (self.sentence_transformers.get("activation_fn"), inner.get("activation_fn"), older)
        return next((str(name) for name in names if name), None)

    @property
    def crosses(self) -> bool:
        """Whether it is sentence-transformers' cross-encoder, which reads pairs."""
        return self.score_activation is not None or (
            self.sentence_transformers.get("model_type") == CROSS_ENCODER
        )

    @property
    def problem(self) -> str:
        """What it answers to a text: one of PROBLEMS or RANKING; "" of heads with one problem.

        Raises: ConfigError for a problem_type that there is not
        """
        if self.head != SEQUENCE:
            return ""
        declared, one = self.config.get("problem_type"), len(self.labels) == 1
        if declared is None or self.crosses:
            return RANKING if one else declared or PROBLEMS[0]
        if declared not in PROBLEMS:
            raise ConfigError(f"problem_type is {declared!r:.60}; {', '.join(PROBLEMS)} are known.")
        return str(declared)

    @property
    def notes(self) -> list[str]:
        """What is guessed of it."""
        if self.problem != RANKING or self.crosses:
            return []
        return [
            "it has one logit and no problem_type, so it is taken for a reranker of pairs; for "
            "single texts, load_task(…, task='regress')"
        ]

    @property
    def dropout(self) -> float:
        """The share of what the head reads that training leaves out."""
        names = ("classifier_dropout", "classifier_dropout_prob", "hidden_dropout_prob")
        values = (self.config.get(name) for name in names)
        return float(next((each for each in values if isinstance(each, int | float)), 0.1))

    @property
    def vector_fields(self) -> dict[str, Any]:
        """The settings that tasks share which read a text as a vector."""
        if self.vector is None:
            raise ConfigError(f"{self.head} reads every token, and makes no vector of a text.")
        return {
            "pooling": self.vector.pooling,
            "transform": self.vector.transform,
            "dropout": self.dropout,
            "max_length": self.longest,
        }
