"""Tasks: what people do with a Transformer; one file each, one interface for all."""

from playmask.tasks.classify import Prediction, TextClassifier
from playmask.tasks.language_model import LanguageModel
from playmask.tasks.mask_fill import Fill, MaskFill
from playmask.tasks.seq2seq import Seq2Seq
from playmask.tasks.spans import SpanTagger
from playmask.tasks.tag import SequenceTagger
from playmask.tasks.task import Task, load_task

TASKS: dict[str, type[Task]] = {
    task.kind: task
    for task in (TextClassifier, LanguageModel, Seq2Seq, MaskFill, SequenceTagger, SpanTagger)
}

__all__ = [
    "TASKS",
    "Fill",
    "LanguageModel",
    "MaskFill",
    "Prediction",
    "Seq2Seq",
    "SequenceTagger",
    "SpanTagger",
    "Task",
    "TextClassifier",
    "load_task",
]
