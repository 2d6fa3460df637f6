"""Published models as tasks, both ways: which task one becomes, and what a task is published as."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playmask.checkpoints.load_plan import dialect_of
from playmask.checkpoints.load_report import Report
from playmask.checkpoints.published import CONTAINER, class_of, why_no_head
from playmask.checkpoints.source import Source
from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.families import FAMILIES
from playmask.files import read_json
from playmask.tasks.published_labels import labels_in
from playmask.tasks.published_model import LONGEST, PublishedModel
from playmask.tasks.registry import SETTINGS
from playmask.tasks.settings import TaskSettings
from playmask.tokenizers.added_tokens import CONFIG as TOKENIZER_CONFIG

SENTENCE_TRANSFORMERS = "config_sentence_transformers.json"
LIMITS = (
    ("config.json", "max_position_embeddings"),
    (TOKENIZER_CONFIG, "model_max_length"),
    ("sentence_bert_config.json", "max_seq_length"),
)
"""Where files say how many tokens a row has at most."""


def published_model(source: Source, report: Report) -> PublishedModel:
    """A published checkpoint as the model of a task.

    Raises: CheckpointError where it has no head of a task; ConfigError for labels that do not fit
    """
    family = FAMILIES[report.family]
    if source.container != CONTAINER or not report.head:
        raise why_no_head(source, family, family.dialects[report.dialect])
    head = family.published[report.head]
    if head.tensor not in source.tensors:
        raise CheckpointError(
            f"{source.path} is a {class_of(source.config) or report.head} without its head: "
            f"{head.tensor} is missing. playmask.load loads its encoder."
        )
    vector = None if head.vector is None else head.vector(report.config, report.architecture)
    logits = source.tensors.spec(head.tensor).shape[0]
    try:
        labels = labels_in(source.config, logits) if head.labelled else ()
    except ConfigError as error:
        raise ConfigError(f"{source.directory}: {error}") from None
    return PublishedModel(
        report.head,
        source.config,
        labels,
        vector,
        _longest(source.directory, report),
        _object(source.directory / SENTENCE_TRANSFORMERS),
    )


def settings_of(stored: PublishedModel, task: str | None = None) -> TaskSettings:
    """The settings of the task that a published model becomes.

    task: its name, where another is to be made of the model than its configuration speaks of
    Raises: ConfigError where there is none
    """
    able = {name: kind for name, kind in SETTINGS.items() if kind.published == stored.head}
    if task is not None and task not in able:
        known = nearest(task, able) if able else ""
        raise ConfigError(f"A published {stored.head} becomes no task {task!r}.{known}")
    fitting = [task] if task else [n for n, kind in able.items() if stored.problem in kind.problems]
    if not fitting:
        raise ConfigError(f"No task is made of a published {stored.head}.")
    return able[fitting[0]].from_published(stored)


def heads_beside(source: Source, report: Report) -> list[str]:
    """The model's heads that a published checkpoint holds beside the task's."""
    stores = FAMILIES[report.family].published[report.head].stores
    names = filter(None, map(dialect_of(report).ours_for, source.tensors))
    present = {name.split("/")[0] for name in names}
    return [head for head in stores if head in present]


def _longest(directory: Path, report: Report) -> int:
    """Tokens of a row at most, by the tokenizer and by the positions."""
    limits = [_object(directory / file).get(key) for file, key in LIMITS]
    numbers = [each for each in (report.architecture.limit, *limits) if type(each) is int]
    return min((each for each in numbers if each > 0), default=LONGEST)


def _object(file: Path) -> Mapping[str, Any]:
    """The content of a file of JSON; empty where there is none."""
    return read_json(file) if file.is_file() else {}
