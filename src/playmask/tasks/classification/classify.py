"""Classifying texts and pairs of texts."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import keras
import numpy as np
from keras import ops

from playmask.data.examples import Example, Examples
from playmask.data.readers import read_examples
from playmask.errors import ConfigError, DataError, InputError, nearest
from playmask.labelling.losses import HIDDEN
from playmask.model.masks import Tensor
from playmask.model.rng import Dropout
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Row
from playmask.tasks.classification.pooling import pooling_of
from playmask.tasks.task import Task, TaskNetwork, open_model
from playmask.tokenizers import Tokenizer

Text = str | tuple[str, str]


class Prediction(NamedTuple):
    """A label, and the probability of every label."""

    label: str
    probabilities: dict[str, float]


class ClassifierNetwork(TaskNetwork):
    """A Transformer, its sites pooled into one vector, and a dense layer over the labels.

    Shapes: inputs as a Transformer's -> {"logits": (B, labels)}, in nats
    """

    def __init__(self, transformer: Transformer, labels: int, pooling: str, dropout: float) -> None:
        super().__init__(transformer)
        self.pooling = pooling_of(pooling, transformer)
        self.dropout = Dropout(dropout)
        self.dense = keras.layers.Dense(
            labels,
            kernel_initializer=transformer.architecture.initializer(),
            dtype="float32",
            name="labels",
        )
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the head's weights."""
        width = self.transformer.architecture.width
        self.dense.build((None, width * self.pooling.widths))

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Classify."""
        outputs = self.transformer(inputs, training=training)
        valid = self.transformer.valid(inputs)
        pooled = self.pooling.pool(outputs, ops.expand_dims(valid, -1))
        return {"logits": self.dense(self.dropout(pooled, training=training))}


class PooledTask(Task):
    """A task that reads a text, or a pair of texts, as one vector."""

    def rows(self, examples: Sequence[Example]) -> list[Row]:
        """Tokens and segments of each example."""
        texts = [example.text for example in examples]
        pairs: Any = [example.pair for example in examples]
        if all(pair is None for pair in pairs):
            pairs = None
        elif None in pairs:
            raise DataError(
                f"Example {pairs.index(None)} is one text among pairs; give all, or none, a pair."
            )
        trained = self.settings.get("pairs")
        if trained is not None and trained != (pairs is not None):
            wanted = "pairs" if trained else "single texts"
            raise DataError(f"This task was trained on {wanted}; the texts given are not.")
        encodings = self.tokenizer.encode(texts, pairs, max_length=self.settings["max_length"])
        return [self.inputs(encoding) for encoding in encodings]

    def row(self, text: Text) -> Row:
        """The network's inputs for one text, or pair."""
        return self.rows([unlabelled(0, text)])[0]

    def facts(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Whether the examples are pairs."""
        return {"pairs": examples[0].pair is not None}

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """What the network says of each example: float64 (examples, labels)."""
        outputs = self.predictor(self.rows(examples))
        return np.stack([output["logits"] for output in outputs]).astype("float64")

    @abstractmethod
    def answers(self, examples: Sequence[Example]) -> list[Any]:
        """What is predicted of each example; there is one at least."""

    def predict(self, texts: Text | list[Text]) -> Any:
        """The answer to a text, a pair, or a list of either."""
        if not isinstance(texts, (str, tuple, list)):
            raise InputError(f"predict takes a text, a pair or a list of them, not {texts!r:.80}.")
        if isinstance(texts, (str, tuple)):
            return self.predict([texts])[0]
        examples = [unlabelled(i, text) for i, text in enumerate(texts)]
        return self.answers(examples) if examples else []


class TextClassifier(PooledTask):
    """Puts each text, or pair of texts, under one of several labels."""

    kind: ClassVar[str] = "classify"

    @classmethod
    def new(
        cls,
        model: Transformer | str | Path,
        labels: Sequence[str],
        *,
        tokenizer: Tokenizer | None = None,
        max_length: int = 128,
        pooling: str = "mean_max",
        dropout: float = 0.1,
    ) -> Self:
        """Put a fresh classifying head on a Transformer, or on the checkpoint at a path.

        max_length: tokens a text is cut to, special ones included; pooling: see POOLINGS
        """
        transformer, tokenizer = open_model(model, tokenizer)
        labels = [str(label) for label in labels]
        if len(set(labels)) < 2 or len(set(labels)) < len(labels):
            raise ConfigError(f"A classifier needs two or more distinct labels, not {labels}.")
        settings = {
            "labels": labels,
            "max_length": max_length,
            "pooling": pooling,
            "dropout": dropout,
        }
        return cls(cls.make_network(transformer, settings), tokenizer, settings)

    @classmethod
    def make_network(cls, transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """Build the network around a Transformer."""
        return ClassifierNetwork(
            transformer, len(settings["labels"]), settings["pooling"], settings["dropout"]
        )

    @property
    def labels(self) -> list[str]:
        """The labels, in the order of the logits."""
        return self.settings["labels"]

    def read(
        self, data: Any, *, skip_bad: bool = False, columns: Sequence[str] | None = None
    ) -> Examples:
        """Read labelled examples from a file, or take a sequence of (text, [pair,] label)."""
        if isinstance(data, (str, Path)):
            return read_examples(data, labels=self.labels, columns=columns, skip_bad=skip_bad)
        examples: Examples[Example] = Examples()
        for i, item in enumerate(data):
            try:
                examples.append(_example(i, item, self.labels))
            except DataError as error:
                if not skip_bad:
                    raise
                examples.skipped.append(str(error))
        if not examples:
            raise DataError("There are no examples; at least one is needed.")
        return examples

    def scores(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The log-odds ln(p / (1 - p)) of each label, in nats: the logit against all others."""
        logits = ops.expand_dims(outputs["logits"], 1)
        others = ops.where(ops.eye(len(self.labels), dtype="bool"), HIDDEN, logits)
        odds = outputs["logits"] - ops.logsumexp(others, axis=-1)
        return {label: odds[:, i] for i, label in enumerate(self.labels)}

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """The number of each example's label: int32 (examples,)."""
        number = {label: i for i, label in enumerate(self.labels)}
        return np.array([number[str(example.label)] for example in examples], "int32")

    def evaluate(self, data: Any, *, skip_bad: bool = False) -> dict[str, float]:
        """Accuracy, macro F1 and loss (nats) on labelled examples."""
        examples = self.read(data, skip_bad=skip_bad)
        logs = self._log_probabilities(examples)
        wanted = self.targets(examples)
        chosen = logs.argmax(axis=1)
        loss = -logs[np.arange(len(wanted)), wanted].mean()
        return {
            "accuracy": float((chosen == wanted).mean()),
            "macro_f1": macro_f1(wanted, chosen, len(self.labels)),
            "loss": float(loss),
            "examples": len(examples),
        }

    def answers(self, examples: Sequence[Example]) -> list[Prediction]:
        """The label of each example."""
        chances = np.exp(self._log_probabilities(examples))
        return [
            Prediction(
                self.labels[int(row.argmax())],
                dict(zip(self.labels, map(float, row), strict=True)),
            )
            for row in chances
        ]

    def _log_probabilities(self, examples: Sequence[Example]) -> np.ndarray:
        logits = self.logits(examples)
        logits -= logits.max(axis=1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _example(i: int, item: Any, labels: Sequence[str]) -> Example:
    """An Example, or (text, label), or (text, pair, label)."""
    if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
        raise DataError(f"Example {i} is {item!r:.80}, not (text, label) or (text, pair, label).")
    if not isinstance(item, Example):
        item = Example(item[0], item[1] if len(item) == 3 else None, str(item[-1]))
    if item.label not in labels:
        raise DataError(
            f"Example {i} has the label {item.label!r}.{nearest(str(item.label), labels)}"
        )
    return item


def unlabelled(i: int, text: Any) -> Example:
    """A text, or a pair, to predict for."""
    parts = (text,) if isinstance(text, str) else text
    if not isinstance(parts, (tuple, list)) or not all(isinstance(part, str) for part in parts):
        raise InputError(f"Text {i} is {text!r:.80}, not a str or a pair of str.")
    if len(parts) not in (1, 2):
        raise InputError(f"Text {i} has {len(parts)} parts; a text has one, a pair two.")
    return Example(*parts)


def macro_f1(wanted: np.ndarray, chosen: np.ndarray, labels: int) -> float:
    """The mean over labels of F1 = 2·right / (wanted + chosen); a label never seen counts 0."""
    right = np.bincount(wanted[wanted == chosen], minlength=labels)
    total = np.bincount(wanted, minlength=labels) + np.bincount(chosen, minlength=labels)
    return float(np.mean(2 * right / np.maximum(total, 1)))
