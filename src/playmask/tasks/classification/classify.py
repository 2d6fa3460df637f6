"""Classifying texts and pairs of texts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from playmask.data.examples import Example, Examples
from playmask.data.readers import read_examples
from playmask.errors import DataError
from playmask.tasks.classification.answers import AnswerSpace, OneLabel, SeveralLabels
from playmask.tasks.classification.settings import ClassifierSettings
from playmask.tasks.classification.text_task import TextTask, learn_labels
from playmask.tasks.task import Columns


class TextClassifier(TextTask[ClassifierSettings]):
    """Puts each text, or pair of texts, under one of several labels, or under any number of them.

    Shapes: see ClassifierSettings; `predict` answers with a Prediction, of multiple=True with a
            MultiPrediction
    Units:  `loss` of `evaluate` in nats
    Raises: ConfigError for labels that are too few or not distinct
    Source: the multi-label softmax of multiple=True: Su 2020 (kexue 7359)

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> task.predict("味道不错").label in ("bad", "good")
        True
        >>> topics = TextClassifier.new(model, ["food", "price"], multiple=True, max_length=16)
        >>> sorted(topics.predict("味道不错").probabilities)
        ['food', 'price']
    """

    settings_class = ClassifierSettings
    streams: ClassVar[bool] = True

    @staticmethod
    def space_of(settings: ClassifierSettings) -> AnswerSpace:
        """One label, or several."""
        if settings.multiple:
            return SeveralLabels(settings.labels, settings.loss, settings.separator)
        return OneLabel(settings.labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the logits."""
        return self.settings.labels

    @classmethod
    def parse(
        cls,
        settings: ClassifierSettings,
        path: str | Path,
        *,
        columns: Columns = None,
        skip_bad: bool = False,
        lazily: bool = False,
    ) -> Examples[Example]:
        """Read labelled texts, or pairs, from a table or JSON lines."""
        return read_examples(
            path,
            labels=settings.labels or None,
            separator=settings.separator if settings.multiple else None,
            columns=columns,
            skip_bad=skip_bad,
            lazily=lazily,
        )

    @classmethod
    def names(cls, example: Example) -> Iterable[str]:
        """The label of an example, or its labels."""
        return (example.label,) if isinstance(example.label, str) else example.label

    @classmethod
    def learn(cls, settings: ClassifierSettings, examples: Examples[Any]) -> ClassifierSettings:
        """The labels, where none were named, and whether texts are pairs."""
        names = (name for example in examples for name in cls.names(example))
        settings = learn_labels(settings, examples, names)
        if not settings.multiple and len(settings.labels) < 2:
            raise DataError(
                f"{examples.source}There is one label only ({settings.labels[0]!r}); there is no "
                "choice."
            )
        return super().learn(settings, examples)
