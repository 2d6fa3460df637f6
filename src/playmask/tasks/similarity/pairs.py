"""Pairs of sentences and how similar they are: reading them, and scoring them together."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np

from playmask.data.examples import Example, Examples
from playmask.data.readers import read_examples
from playmask.errors import DataError
from playmask.metrics.similarity import correlation
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.tasks.classification.classify import ClassifierNetwork, PooledTask
from playmask.tasks.task import open_model
from playmask.tasks.texts import filled_text, gathered
from playmask.tokenizers import Tokenizer


def read_sentences(
    data: Any, *, scored: bool = False, skip_bad: bool = False, columns: Sequence[str] | None = None
) -> Examples:
    """Read pairs from a file, or take a sequence of (text, pair[, score]).

    The label of an example is its score, a number; all pairs have one, or none has.
    scored: whether all must
    Raises: DataError for a bad pair; it counts the examples of a file from 0
    """
    skipped: list[str] = []
    if isinstance(data, (str, Path)):
        data = read_examples(data, labelled=False, columns=columns, skip_bad=skip_bad)
        skipped = data.skipped
    examples = gathered(data, _pair, skip_bad=skip_bad)
    examples.skipped[:0] = skipped
    without = next((i for i, e in enumerate(examples) if e.label is None), None)
    if without is not None and (scored or any(e.label is not None for e in examples)):
        raise DataError(f"Example {without} has no score; all pairs need one.")
    return examples


def _pair(i: int, item: Any) -> Example:
    if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
        raise DataError(f"Example {i} is {item!r:.80}, not (text, pair) or (text, pair, score).")
    text, pair, label = (*item, None)[:3]
    if label is not None and not _is_number(label):
        raise DataError(f"Example {i} has the score {label!r:.40}, which is no number.")
    both = filled_text(i, text), filled_text(i, pair, "pair")
    return Example(*both, None if label is None else str(label))


def _is_number(label: Any) -> bool:
    try:
        return math.isfinite(float(label))
    except (TypeError, ValueError):
        return False


def scores_of(examples: Sequence[Example]) -> np.ndarray:
    """The scores of pairs that have them: float64 (examples,)."""
    return np.array([float(str(example.label)) for example in examples])


class SentencePair(PooledTask):
    """Scores how similar two sentences are, by reading them together.

    Slower than comparing the vectors of a SentenceEncoder, and better: each token sees the other
    sentence. The scores are those of the training data, from the lowest to the highest.
    """

    kind: ClassVar[str] = "pair"
    best: ClassVar[str | None] = "spearman"

    @classmethod
    def new(
        cls,
        model: Transformer | str | Path,
        *,
        tokenizer: Tokenizer | None = None,
        max_length: int = 128,
        pooling: str = "mean_max",
        dropout: float = 0.1,
    ) -> Self:
        """Put a fresh head on a Transformer, or on the checkpoint at a path.

        max_length: tokens a pair is cut to, special ones included; pooling: see POOLINGS
        """
        transformer, tokenizer = open_model(model, tokenizer)
        settings = {
            "max_length": max_length,
            "pooling": pooling,
            "dropout": dropout,
            "pairs": True,
            "scale": [0.0, 1.0],
        }
        return cls(cls.make_network(transformer, settings), tokenizer, settings)

    @classmethod
    def make_network(cls, transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """Build the network around a Transformer: one logit, of the place on the scale."""
        return ClassifierNetwork(transformer, 1, settings["pooling"], settings["dropout"])

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Give the network its loss: cross-entropy of the place on the scale, in nats."""
        self.network.compile(
            optimizer,
            loss={
                "logits": keras.losses.BinaryCrossentropy(
                    from_logits=True, reduction="mean_with_sample_weight"
                )
            },
            jit_compile=keras.backend.backend() == "jax",
        )

    def read(
        self, data: Any, *, skip_bad: bool = False, columns: Sequence[str] | None = None
    ) -> Examples:
        """Read scored pairs from a file, or take a sequence of (text, pair, score)."""
        return read_sentences(data, scored=True, skip_bad=skip_bad, columns=columns)

    def facts(self, examples: Sequence[Example]) -> dict[str, Any]:
        """The lowest and the highest score."""
        scores = scores_of(examples)
        if scores.min() == scores.max():
            raise DataError(f"All pairs have the score {scores[0]:g}; there is nothing to learn.")
        return {**super().facts(examples), "scale": [float(scores.min()), float(scores.max())]}

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """The place of each score on the scale, 0 to 1: float32 (examples, 1)."""
        low, high = self.settings["scale"]
        places = (scores_of(examples)[:, None] - low) / (high - low)
        return np.clip(places, 0, 1).astype("float32")

    def scores(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The log-odds of the place on the scale, in nats."""
        return {"score": outputs["logits"][:, 0]}

    def evaluate(self, data: Any, *, skip_bad: bool = False) -> dict[str, float]:
        """Spearman's and Pearson's correlation with the scores."""
        examples = self.read(data, skip_bad=skip_bad)
        found = correlation(self.answers(examples), scores_of(examples).tolist())
        return {**found._asdict(), "examples": len(examples)}

    def answers(self, examples: Sequence[Example]) -> list[float]:
        """The score of each pair."""
        low, high = self.settings["scale"]
        places = 0.5 * (1 + np.tanh(0.5 * self.logits(examples)[:, 0]))  # a logistic function
        return [float(low + (high - low) * place) for place in places]
