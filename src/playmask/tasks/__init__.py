"""Tasks: what people do with a Transformer; one file each, one interface for all."""

from playmask.tasks.classification.classify import Prediction, TextClassifier
from playmask.tasks.extraction.events import EventExtractor
from playmask.tasks.extraction.relations import RelationExtractor
from playmask.tasks.extraction.sequence_tagger import SequenceTagger
from playmask.tasks.extraction.span_tagger import SpanTagger
from playmask.tasks.reading.base import Answer
from playmask.tasks.reading.extractive import ReadingComprehension
from playmask.tasks.reading.generative import CopyingReader
from playmask.tasks.similarity.encoder import SentenceEncoder
from playmask.tasks.similarity.index import Found, SentenceIndex
from playmask.tasks.similarity.pairs import SentencePair
from playmask.tasks.task import Task, load_task
from playmask.tasks.writing.language_model import LanguageModel
from playmask.tasks.writing.mask_fill import Fill, MaskFill
from playmask.tasks.writing.seq2seq import Seq2Seq

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
