"""Tasks: what people do with a Transformer; one file each, one interface for all."""

from playmask.tasks.classify import Prediction, TextClassifier
from playmask.tasks.copying import CopyingReader
from playmask.tasks.events import EventExtractor
from playmask.tasks.index import Found, SentenceIndex
from playmask.tasks.language_model import LanguageModel
from playmask.tasks.mask_fill import Fill, MaskFill
from playmask.tasks.pairs import SentencePair
from playmask.tasks.read import ReadingComprehension
from playmask.tasks.reading import Answer
from playmask.tasks.relations import RelationExtractor
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
        RelationExtractor,
        EventExtractor,
        ReadingComprehension,
        CopyingReader,
        SentenceEncoder,
        SentencePair,
    )
}

__all__ = [
    "TASKS",
    "Answer",
    "CopyingReader",
    "EventExtractor",
    "Fill",
    "Found",
    "LanguageModel",
    "MaskFill",
    "Prediction",
    "ReadingComprehension",
    "RelationExtractor",
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
