"""Saving a task as itself, or as a published class that other programs know."""

from pathlib import Path
from typing import Any

from playmask.checkpoints.dialect_tensors import DialectTensors
from playmask.checkpoints.load_plan import OURS, dialect_with
from playmask.checkpoints.published import CONTAINER, class_of, class_with
from playmask.checkpoints.save import (
    CONTAINERS,
    check_can_be_saved,
    config_of,
    write_checkpoint,
)
from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.families import FAMILIES
from playmask.families.published_heads import PublishedHead, VectorHead
from playmask.model.architecture import Architecture
from playmask.runtime.train.weight_names import all_weights
from playmask.tasks.published_labels import labels_in
from playmask.tasks.published_model import PublishedModel
from playmask.tasks.registry import resolve
from playmask.tasks.saving import Saved
from playmask.tasks.settings import TaskSettings
from playmask.tokenizers import Tokenizer

Config = dict[str, Any]

UNSAID = 2
"""Labels of a configuration that names none, as Hugging Face reads it."""

LABELS = ("id2label", "label2id", "num_labels", "_num_labels", "problem_type")
"""Keys that say something of the labels."""


def save_as(
    task: Saved, directory: str | Path, dialect: str = OURS.name, *, container: str | None = None
) -> Path:
    """Save a task into a directory, whole or not at all.

    dialect: "playmask", see `save_task`, or that of published classes, "huggingface": its tensors
    are those that the model came from bit for bit, so is its configuration as far as it holds, and
    `transformers` reads it with the same outputs; or another of the task's own `dialects`
    container: for "playmask", "int8" holds large weights in 8 bits, see `save_task`
    Raises: ConfigError where no published class does what the task does, and for a container that
    the dialect does not have; CheckpointError for a dialect that there is not, or a directory that
    holds another checkpoint; WriteError
    """
    known = (*task.dialects, *FAMILIES[task.transformer.architecture.family].dialects)
    if dialect not in known:
        raise CheckpointError(
            f"A task {task.name!r} has no dialect {dialect!r}.{nearest(dialect, known)}"
        )
    options = {} if container is None else {"container": container}
    if options and dialect != OURS.name:
        raise ConfigError(f"container is a choice of the dialect {OURS.name!r}; leave it out.")
    if dialect not in task.dialects:
        return _publish(task, directory, dialect)
    path: Path = resolve(task.dialects[dialect])(task, directory, **options)
    return path


def _publish(task: Saved, directory: str | Path, dialect: str) -> Path:
    """Save a task as the published class that does the same.

    Raises: ConfigError where there is no such class
    """
    model, settings = task.transformer, task.settings
    check_can_be_saved(model)
    if dialect != CONTAINER:
        raise ConfigError(
            f"The dialect {dialect!r} has no classes with heads of tasks; save the task as "
            f"'playmask' or {CONTAINER!r}, or its encoder with playmask.save(task.transformer, …)."
        )
    settings.to_published()  # refuses what no class does, before what a family lacks
    family, files = FAMILIES[model.architecture.family], CONTAINERS["safetensors"]
    head = family.published.get(settings.published)
    if head is None:
        raise ConfigError(
            f"The family {family.name!r} has no class {settings.published}; save as 'playmask'."
        )
    names = dialect_with(family.name, dialect, settings.published)
    own = all_weights(task.network)
    encoder = DialectTensors(Path(directory) / files.weights, model, names)
    config = _with_head(config_of(model, dialect, encoder), settings, head, model.architecture)
    tensors = DialectTensors(encoder.path, model, names, own)
    tokenizer = task.tokenizer if isinstance(task.tokenizer, Tokenizer) else None
    length = settings.max_length
    return write_checkpoint(model, files, tensors, config, tokenizer, row_length=length)


def _with_head(
    config: Config, settings: TaskSettings, head: PublishedHead, architecture: Architecture
) -> Config:
    """An encoder's configuration as that of a task's class; unchanged where it says so already.

    Raises: ConfigError where the class makes another vector of a text than the task does
    """
    said, declared = settings.to_published(), class_of(config)
    name = class_with(settings.published, config, FAMILIES[architecture.family])
    config = {**config, "architectures": [name]}
    vector = None
    if head.vector is not None:
        own = VectorHead(*(getattr(settings, name) for name in VectorHead._fields))
        config |= head.keys(own)
        vector = head.vector(config, architecture)
        if vector != own:
            raise ConfigError(
                f"{name} reads texts by {_spelled(vector)}, the task by "
                f"{_spelled(own)}; make the task so, or save as 'playmask'."
            )
    if declared == name and _says(config, said, settings, vector):
        return config
    return {name: value for name, value in config.items() if name not in LABELS} | said


def _says(config: Config, said: Config, settings: TaskSettings, vector: VectorHead | None) -> bool:
    """Whether a configuration of its class describes the task already, perhaps in other words."""
    if not said:
        return True
    count = len(said["id2label"])
    if "id2label" not in config and count != UNSAID:
        return False
    try:
        labels = labels_in(config, count)
        stored = PublishedModel(settings.published, config, labels, vector)
        return type(settings).from_published(stored).to_published() == said
    except ConfigError:
        return False


def _spelled(vector: VectorHead) -> str:
    """How a vector is made, as settings."""
    return ", ".join(f"{name}={value!r}" for name, value in vector._asdict().items())
