"""Tasks: what people do with a Transformer; one file each, one interface for all."""

from playmask.tasks.classify import Prediction, TextClassifier
from playmask.tasks.index import Found, SentenceIndex
from playmask.tasks.language_model import LanguageModel
from playmask.tasks.mask_fill import Fill, MaskFill
from playmask.tasks.pairs import SentencePair
from playmask.tasks.seq2seq import Seq2Seq
from playmask.tasks.similar import SentenceEncoder
from playmask.tasks.spans import SpanTagger
from playmask.tasks.tag import SequenceTagger
from playmask.tasks.task import Task, load_task

TASKS: dict[str, type[Task]] = {
    task.kind: task
    for task in (
        TextClassifier,
        LanguageModel,
        Seq2Seq,
        MaskFill,
        SequenceTagger,
        SpanTagger,
        SentenceEncoder,
        SentencePair,
    )
}

__all__ = [
    "TASKS",
    "Fill",
    "Found",
    "LanguageModel",
    "MaskFill",
    "Prediction",
    "SentenceEncoder",
    "SentenceIndex",
    "SentencePair",
    "Seq2Seq",
    "SequenceTagger",
    "SpanTagger",
    "Task",
    "TextClassifier",
    "load_task",
]
