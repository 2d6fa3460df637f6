"""Loading of tasks: what was exported answers without Keras, which all others need."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from playmask.errors import ConfigError
from playmask.tasks import on_demand
from playmask.tasks.captions.settings import CaptionSettings
from playmask.tasks.ensemble import is_ensemble, load_ensemble
from playmask.tasks.exported import is_exported, load_exported
from playmask.tokenizers import Tokenizer


def load_task(
    path: str | Path,
    *,
    task: str | None = None,
    tokenizer: Tokenizer | None = None,
    dtype: Any = None,
    copy: bool = False,
    **options: Any,
) -> Any:
    """Load a task of any kind: one that was saved, or a published model that has its head.

    path: the directory of a task, saved or exported, or of an `Ensemble`, or a model of the classes
    …ForSequenceClassification, …ForTokenClassification or …ForQuestionAnswering, or an encoder of
    sentence-transformers (modules.json), also by its name on the hub; "zh-small", the encoder that
    comes along; or what a script of bert4keras left behind (best_model.weights), with `task` and
    these options: the task's settings, and what `playmask.load` takes, such as config=
    task: the name of the task to make of a published model, in place of the one that its
    configuration speaks of; tokenizer: in place of the one beside the weights, without which the
    task's network still runs on ids
    dtype, copy: to hold its Transformer's weights and compute in, and whether to read all weights
    into memory now, as of `playmask.load`
    Raises: CheckpointError where there is none, or only half of one; ConfigError for a published
            model whose labels do not fit, or that is another task than the one named

    Example:
        >>> reviews = TextClassifier.new(model, ["bad", "good"], max_length=16, pooling="pooled")
        >>> playmask.load_task(reviews.save("reviews")).settings.labels
        ('bad', 'good')
        >>> published = reviews.save("published", dialect="huggingface")
        >>> playmask.load_task(published).name
        'classify'
    """
    place = Path(path)
    if is_ensemble(place):
        return load_ensemble(place, partial(load_task, task=task, dtype=dtype, copy=copy))
    if is_exported(place):
        return _exported(place, {"task": task, "tokenizer": tokenizer, "dtype": dtype, **options})
    return on_demand.load_with_network(place, task, tokenizer, dtype, copy, options)


def load_text_task(path: str | Path, place: str) -> Any:
    """A task as `load_task` loads it, for what answers texts alone: no text may name a file there.

    place: what that is, for the error
    Raises: ConfigError for a task that reads images; what `load_task` does
    """
    task = load_task(path)
    if isinstance(task.settings, CaptionSettings):
        raise ConfigError(
            f"{path} holds a task {task.name!r}, which reads images; {place} takes texts. "
            "Use `playmask predict` without --out, or load_task in a program."
        )
    return task


def _exported(path: Path, changes: Mapping[str, Any]) -> Any:
    """A task that was exported, which can be loaded with no changes."""
    chosen = next((name for name, value in changes.items() if value is not None), None)
    if chosen is not None:
        raise ConfigError(f"{path} holds an exported task, as it is; leave {chosen}= out.")
    return load_exported(path)
