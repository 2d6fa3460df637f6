"""Which tasks there are, and where their classes are, which are imported when first used."""

from importlib import import_module
from typing import Any

from playmask.errors import ConfigError, nearest

TASKS: dict[str, str | type] = {
    "classify": "playmask.tasks.classification.classify:TextClassifier",
    "language-model": "playmask.tasks.writing.language_model:LanguageModel",
    "seq2seq": "playmask.tasks.writing.seq2seq:Seq2Seq",
    "mask-fill": "playmask.tasks.writing.mask_fill:MaskFill",
    "tag": "playmask.tasks.extraction.sequence_tagger:SequenceTagger",
    "spans": "playmask.tasks.extraction.span_tagger:SpanTagger",
    "relations": "playmask.tasks.extraction.relations:RelationExtractor",
    "events": "playmask.tasks.extraction.events:EventExtractor",
    "read": "playmask.tasks.reading.extractive:ReadingComprehension",
    "read-copying": "playmask.tasks.reading.generative:CopyingReader",
    "similar": "playmask.tasks.similarity.encoder:SentenceEncoder",
    "pair": "playmask.tasks.similarity.pairs:SentencePair",
}
"""The class of each task, or "module:Class", by the name that task.json has for it."""


def task_class(name: str) -> Any:
    """The class of a task; raises ConfigError for a name that is not in TASKS."""
    if name not in TASKS:
        raise ConfigError(f"There is no task {name!r}.{nearest(name, TASKS)}")
    home = TASKS[name]
    if isinstance(home, type):
        return home
    module, _, attribute = home.partition(":")
    return getattr(import_module(module), attribute)
