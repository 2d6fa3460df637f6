"""Tasks with their networks: from the directory that one was saved in, or a published model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras

from playmask.checkpoints import built_in, weights_file
from playmask.checkpoints.hub import is_name
from playmask.checkpoints.identify import identify
from playmask.checkpoints.load import fill_planned, in_dtype, policy_of
from playmask.checkpoints.load_plan import OURS, make_plan
from playmask.checkpoints.load_report import Ignored, Report
from playmask.checkpoints.resize import Rows
from playmask.checkpoints.source import (
    ARCHITECTURE,
    KERAS,
    WEIGHTS,
    Source,
    find,
    is_prefix,
    read_description,
    verifying,
)
from playmask.checkpoints.tokenizer_beside import tokenizer_beside, why_none
from playmask.errors import CheckpointError, ConfigError
from playmask.families.published_heads import OWN
from playmask.files import read_json
from playmask.files.checksums import read_manifest
from playmask.files.commits import recover
from playmask.garbage import searched_later
from playmask.model.transformer import Transformer
from playmask.runtime.lazy_weights import blank, fill_all
from playmask.runtime.train.weight_names import all_weights
from playmask.tasks.network import check_tokenizer
from playmask.tasks.no_tokenizer import NoTokenizer
from playmask.tasks.published import heads_beside, published_model, settings_of
from playmask.tasks.registry import task_class
from playmask.tasks.saving import check_weights
from playmask.tasks.similarity.published_encoder import lists_encoder, stored_encoder
from playmask.tasks.stored_task import StoredTask
from playmask.tasks.task_json import TASK, read_settings
from playmask.tasks.trained_heads import load_trained
from playmask.tokenizers import Tokenizer


@searched_later()
def load_with_network(
    place: Path,
    task: str | None,
    tokenizer: Tokenizer | None,
    dtype: Any,
    copy: bool,
    options: dict[str, Any],
) -> Any:
    """The task that stands at a place, with its network; arguments and errors of `load_task`."""
    place = built_in.folder_of(place) or place
    source = _elsewhere(place, options)
    if source is not None and source.container == KERAS:
        options |= {"dtype": dtype, "copy": copy}
        return load_trained(source, task, tokenizer, options)
    if options:
        raise ConfigError(f"{place} says its settings by itself; leave {next(iter(options))}= out.")
    directory, read = _road(place, source, task, tokenizer)
    with verifying(directory):
        stored = read()
        network = _network_of(stored, dtype, copy)
    in_dtype(network.transformer, dtype)
    result = task_class(stored.settings.task)(network, stored.tokenizer, stored.settings)
    result.training = stored.training
    return result


def _network_of(stored: StoredTask, dtype: Any, copy: bool) -> keras.Model:
    """The network of a stored task, with its weights and its tokenizer."""
    kind = task_class(stored.settings.task)

    def build() -> keras.Model:
        transformer = Transformer(stored.architecture, stored.heads, dtype=policy_of(dtype))
        return kind.build_network(transformer, stored.tokenizer, stored.settings)

    network = blank(build)
    network.transformer.report = stored.fill(network, copy)
    if isinstance(stored.tokenizer, Tokenizer):
        network.transformer.tokenizer = stored.tokenizer
    return network


def _elsewhere(path: Path, options: Mapping[str, Any]) -> Source | None:
    """The checkpoint that a task is to be made of; None where one was saved.

    Raises: CheckpointError where there is neither
    """
    recover(path)
    if (path / TASK).is_file() or lists_encoder(path):
        return None
    if not (path.exists() or is_prefix(path) or is_name(path)):
        raise CheckpointError(
            f"There is no task in {path}: it has no {TASK}.{built_in.proposal(path)}"
        )
    try:
        source = find(path, options.get("family"), options.get("config"))
    except CheckpointError as error:
        raise CheckpointError(
            f"There is no task in {path}: it has no {TASK}, and is no published model: {error}"
        ) from error
    if source.container == OURS.name:
        raise CheckpointError(f"There is no task in {path}: it has no {TASK}.")
    return source


def _road(
    path: Path, source: Source | None, task: str | None, tokenizer: Tokenizer | None
) -> tuple[Path, Callable[[], StoredTask]]:
    """The directory of a task, and what reads it there."""
    directory = path if source is None else source.directory
    if (directory / TASK).is_file():
        return directory, partial(_own, directory, task, tokenizer)
    if source is None or lists_encoder(directory):
        return directory, partial(stored_encoder, directory, task, tokenizer)
    return directory, partial(_published, source, task, tokenizer)


def _own(directory: Path, task: str | None, tokenizer: Tokenizer | None) -> StoredTask:
    """A task that was saved."""
    settings, training = read_settings(directory)
    if task not in (None, settings.task):
        raise CheckpointError(f"{directory} holds a task {settings.task!r}, not {task!r}.")
    read_manifest(directory).verify([TASK])
    description = directory / ARCHITECTURE
    described = read_description(description, read_json(description))

    def fill(network: keras.Model, copy: bool) -> None:
        tensors = weights_file.read(directory / WEIGHTS)
        check_weights(network, tensors)
        weights = all_weights(network)
        fill_all([(v, partial(tensors.__getitem__, n)) for n, v in weights.items()], copy=copy)

    return StoredTask(settings, training, *described, tokenizer or Tokenizer.load(directory), fill)


def _published(source: Source, task: str | None, tokenizer: Tokenizer | None) -> StoredTask:
    """The task that a published model becomes."""
    report = identify(source, None, ())
    stored, architecture = published_model(source, report), report.architecture
    try:
        settings = settings_of(stored, task)
    except ConfigError as error:
        raise ConfigError(f"{source.directory}: {error}") from None
    needed = task_class(settings.task).model_options(settings)["heads"]
    heads = (needed,) if isinstance(needed, str) else tuple(needed)
    heads = (*heads, *(name for name in heads_beside(source, report) if name not in heads))
    rows, ignored = Rows(architecture.vocabulary, None, None), tuple[Ignored, ...]()
    if tokenizer is None:
        tokenizer, ignored, _ = tokenizer_beside(source, rows)
    if tokenizer is not None:
        check_tokenizer(tokenizer, architecture)

    def fill(network: keras.Model, copy: bool) -> Report:
        weights = all_weights(network)
        own = {name: tuple(v.shape) for name, v in weights.items() if name.startswith(OWN)}
        done = make_plan(network.transformer, source, report, rows, False, own)
        if done.report.fresh:
            raise CheckpointError(
                f"{source.path} lacks {done.report.fresh[0].ours}, which its head reads."
            )
        fill_planned(weights, source, done, copy=copy)
        return replace(
            done.report,
            ignored=(*done.report.ignored, *ignored),
            notes=(*done.report.notes, *(stored.notes if task is None else ())),
        )

    reads = tokenizer or NoTokenizer(architecture.vocabulary, why_none(ignored))
    return StoredTask(settings, None, architecture, heads, reads, fill)
