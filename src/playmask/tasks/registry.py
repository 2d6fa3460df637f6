"""Which tasks there are: the settings of each, and the class, imported when it is first used."""

from importlib import import_module
from typing import Any

from playmask.errors import ConfigError, nearest
from playmask.tasks.captions import settings as captions
from playmask.tasks.classification import settings as classification
from playmask.tasks.extraction import settings as extraction
from playmask.tasks.reading import settings as reading
from playmask.tasks.settings import TaskSettings
from playmask.tasks.similarity import settings as similarity
from playmask.tasks.writing import settings as writing

SETTINGS: dict[str, type[TaskSettings]] = {}
"""The settings of each task, by the name that task.json and the command line have for it."""

TASKS: dict[str, str | type] = {}
"""The class of each task, or where it is: "package.module:Class"."""


def register(settings: type[TaskSettings], home: str | type) -> None:
    """Make a task known to `load_task` and to the command line: all that a new task takes.

    settings: a recipe with a `task` name; home: the Task's class, or "package.module:Class"
    Raises: ConfigError where another task has the name
    """
    name = settings.task
    if TASKS.get(name, home) != home:
        raise ConfigError(f"The task {name!r} is {TASKS[name]}; {home} needs another name.")
    SETTINGS[name], TASKS[name] = settings, home


def task_class(name: str) -> Any:
    """The class of a task; raises ConfigError for a name that is not registered."""
    if name not in TASKS:
        raise ConfigError(f"There is no task {name!r}.{nearest(name, TASKS)}")
    return resolve(TASKS[name])


def resolve(home: Any) -> Any:
    """What stands at "package.module:name", imported now; anything else is itself."""
    if not isinstance(home, str):
        return home
    module, _, attribute = home.partition(":")
    return getattr(import_module(module), attribute)


register(classification.ClassifierSettings, "playmask.tasks.classification.classify:TextClassifier")
register(classification.RegressorSettings, "playmask.tasks.classification.regress:TextRegressor")
register(classification.PatternSettings, "playmask.tasks.classification.pattern:PatternClassifier")
register(writing.LanguageModelSettings, "playmask.tasks.writing.language_model:LanguageModel")
register(writing.Seq2SeqSettings, "playmask.tasks.writing.seq2seq:Seq2Seq")
register(writing.MaskFillSettings, "playmask.tasks.writing.mask_fill:MaskFill")
register(captions.CaptionSettings, "playmask.tasks.captions.captioner:ImageCaptioner")
register(extraction.TaggerSettings, "playmask.tasks.extraction.sequence_tagger:SequenceTagger")
register(extraction.SpanSettings, "playmask.tasks.extraction.span_tagger:SpanTagger")
register(extraction.RelationSettings, "playmask.tasks.extraction.relations:RelationExtractor")
register(extraction.EventSettings, "playmask.tasks.extraction.events:EventExtractor")
register(extraction.UniversalSettings, "playmask.tasks.extraction.universal:UniversalExtractor")
register(reading.ReaderSettings, "playmask.tasks.reading.extractive:ReadingComprehension")
register(reading.CopyingSettings, "playmask.tasks.reading.generative:CopyingReader")
register(similarity.EncoderSettings, "playmask.tasks.similarity.encoder:SentenceEncoder")
register(similarity.PairSettings, "playmask.tasks.similarity.pairs:SentencePair")
register(similarity.RerankerSettings, "playmask.tasks.similarity.reranker:Reranker")
