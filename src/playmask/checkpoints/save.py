"""Saving a model in playmask's own format, or back in the dialect it was published in."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from playmask.checkpoints import (
    bundle,
    megatron,
    safetensors,
    shards,
    torch_zip,
    weights_file,
)
from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.dialect_tensors import DialectTensors
from playmask.checkpoints.load_plan import OURS
from playmask.checkpoints.source import ARCHITECTURE, TORCH_FILES, WEIGHTS
from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.families import FAMILIES
from playmask.families.names import Dialect
from playmask.files import read_json, write_json
from playmask.files.checksums import read_manifest
from playmask.files.commits import committing, destination, recover
from playmask.model.transformer import Transformer
from playmask.runtime.access import reading, weights_of
from playmask.tokenizers import Tokenizer, vocabulary_files
from playmask.tokenizers.added_tokens import CONFIG as TOKENIZER_CONFIG

TENSORFLOW_PREFIX = "bert_model.ckpt"


class DialectFiles(NamedTuple):
    """The files of a dialect: the configuration's, the weights', and what writes those."""

    config: str
    weights: str
    write: Callable[[Path, Mapping[str, np.ndarray]], None]


OWN = {
    name: DialectFiles(ARCHITECTURE, WEIGHTS, write) for name, write in weights_file.WRITERS.items()
}
"""The containers of our own format; int8 is a quarter as large, of nearly the same numbers."""

FILES = {
    "playmask": OWN["safetensors"],
    "google": DialectFiles("bert_config.json", TENSORFLOW_PREFIX, bundle.write),
    "megatron": DialectFiles("config.json", megatron.RANK.format(0), megatron.write),
}
CONTAINERS = {
    "safetensors": DialectFiles(
        "config.json", "model.safetensors", partial(safetensors.write, metadata={"format": "pt"})
    ),
    "bin": DialectFiles("config.json", "pytorch_model.bin", torch_zip.write),
}
"""The files that Hugging Face's models come in."""

MARKERS = {
    ARCHITECTURE: "playmask",
    f"{TENSORFLOW_PREFIX}.index": "google",
    **dict.fromkeys(TORCH_FILES, "huggingface"),
    **dict.fromkeys((megatron.RANK.format(0), megatron.RANK.format(1)), "megatron"),
    megatron.TRACKER: "megatron",
}
"""The files that tell a checkpoint's directory, and the dialect that each speaks of."""


def save(
    model: Transformer,
    directory: str | Path,
    dialect: str = "playmask",
    *,
    tokenizer: Tokenizer | None = None,
    container: str | None = None,
    shard_bytes: int | None = None,
) -> Path:
    """Save a model, and its tokenizer where it has one, into a directory, whole or not at all.

    The files are replaced together: after a kill, or on a full disk, the older ones are all there,
    or the new ones. checksums.json lists their sizes and checksums, which a load verifies.

    dialect: "playmask" (architecture.json, weights.safetensors, tokenizer.json), "google"
    (bert_config.json, a TensorFlow checkpoint, vocab.txt), "huggingface" (config.json,
    model.safetensors, vocab.txt) or "megatron" (GPT-2 only: config.json, one rank). In the
    dialect a model was loaded from, each tensor gets the name and the dtype it had there, so that
    save(load(x)) == x bit for bit.
    container, shard_bytes: for "playmask", "int8" holds large weights in 8 bits, a quarter of the
    size, and loads them as float32, rounded; for "huggingface", "bin" writes pytorch_model.bin, and
    what is larger than shard_bytes is written as several files with an index.
    Raises: CheckpointError for an unknown dialect, a weight that it has no name for, a choice
    that its configuration cannot express, a directory that holds another checkpoint; ConfigError
    for a container or shard_bytes that the dialect does not have; WriteError; BusyError where
    another thread trains the model

    Example:
        >>> folder = playmask.save(model, "saved", "huggingface")
        >>> sorted(file.name for file in folder.iterdir())
        ['checksums.json', 'config.json', 'model.safetensors', 'tokenizer.json', 'vocab.txt']
        >>> playmask.load(folder).report.dialect
        'huggingface'

    """
    files = _format(model, dialect, container, shard_bytes)
    tensors, config = expressed(model, dialect, Path(directory) / files.weights)
    return write_checkpoint(
        model, files, tensors, config, tokenizer or model.tokenizer, shard_bytes=shard_bytes
    )


def expressed(
    model: Transformer, dialect: str, file: Path = Path()
) -> tuple[DialectTensors, dict[str, Any]]:
    """The weights of a model and its configuration as a dialect says them; nothing is written.

    file: the one that the weights are meant for
    Raises: CheckpointError for a dialect that the family does not have, or that cannot say them
    """
    check_can_be_saved(model)
    tensors = DialectTensors(file, model, names_of(model, dialect))
    return tensors, config_of(model, dialect, tensors)


def names_of(model: Transformer, dialect: str) -> Dialect:
    """What a dialect names a model's weights; raises CheckpointError where there is no such one."""
    dialects = {"playmask": OURS, **FAMILIES[model.architecture.family].dialects}
    if dialect in FAMILIES[model.architecture.family].reads:
        raise CheckpointError(
            f"Files of {dialect!r} are read and never written; {' or '.join(map(repr, dialects))} "
            "holds the same, and bert4keras reads 'google'."
        )
    if dialect not in dialects:
        raise CheckpointError(
            f"The family {model.architecture.family!r} has no dialect {dialect!r}."
            f"{nearest(dialect, dialects)}"
        )
    return dialects[dialect]


def write_checkpoint(
    model: Transformer,
    files: DialectFiles,
    tensors: Tensors,
    config: Mapping[str, Any],
    tokenizer: Tokenizer | None,
    *,
    shard_bytes: int | None = None,
    row_length: int | None = None,
) -> Path:
    """Write a checkpoint, whole or not at all, where its tensors are to lie; returns the directory.

    row_length: tokens that other programs cut texts to, where the tokenizer's files are to say so
    Raises: CheckpointError for a directory that holds another checkpoint; WriteError
    """
    file, directory = tensors.path, tensors.path.parent
    parts = shards.split(tensors, shard_bytes) if shard_bytes else []
    place = shards.index_of(file) if len(parts) > 1 else file
    goal = destination(directory)
    recover(goal)
    _check_place(goal, {place.name, f"{place.name}.index", files.config})
    older = read_manifest(goal, damaged={}).among(vocabulary_files.PARTS)
    whole = reading(weights_of(model))
    with whole, committing(directory, [*older, *shards.listed(place)]) as staging:
        shards.write(staging / files.weights, tensors, parts, files.write)
        write_json(staging / files.config, config)
        if tokenizer is not None:
            tokenizer.save(staging, vocab=files.config != ARCHITECTURE)
        if tokenizer is not None and row_length is not None:
            file = staging / TOKENIZER_CONFIG
            said = read_json(file) if file.is_file() else {}
            write_json(file, {**said, "model_max_length": row_length})
    return directory


def check_can_be_saved(model: Transformer) -> None:
    """Refuse weights that are no longer those that were learnt."""
    if model.quantized:
        raise ConfigError(
            f"The model's weights were turned into {model.quantized}, which no checkpoint holds. "
            "Save it before that; what is loaded can be turned again: load(path, dtype='int8'). Of "
            "adapters trained on it, save_adapters saves them alone."
        )


def _format(
    model: Transformer, dialect: str, container: str | None, shard_bytes: int | None
) -> DialectFiles:
    """The files to write; refuses a dialect that is not there, and choices it does not have."""
    names_of(model, dialect)
    containers = {"huggingface": CONTAINERS, "playmask": OWN}.get(dialect, {})
    if dialect != "huggingface" and shard_bytes is not None:
        raise ConfigError(
            f"shard_bytes is a choice of the dialect 'huggingface', not of {dialect!r}; leave it "
            "out."
        )
    if container is not None and container not in containers:
        raise ConfigError(
            f"{dialect!r} has no container {container!r}."
            f"{nearest(container, containers) if containers else ' Leave it out.'}"
        )
    if dialect != "huggingface":
        return FILES[dialect] if container is None else containers[container]
    if shard_bytes is not None and (type(shard_bytes) is not int or shard_bytes < 1):
        raise ConfigError(
            f"shard_bytes is a number of bytes, such as 5_000_000_000, not {shard_bytes!r}."
        )
    return CONTAINERS[container or "safetensors"]


def describe(model: Transformer) -> dict[str, Any]:
    """The content of architecture.json."""
    return {
        "format": 1,
        "architecture": model.architecture.to_json(),
        "heads": list(model.head_names),
    }


def config_of(
    model: Transformer, dialect: str, tensors: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """The configuration of a dialect: the original one where it was loaded, brought up to date."""
    if dialect == "playmask":
        return describe(model)
    architecture, report = model.architecture, model.report
    family = FAMILIES[architecture.family]
    config: dict[str, Any] = {}
    if report is not None and report.dialect == dialect:
        config = dict(report.config)
        if report.architecture == architecture:
            return config
    config |= family.configuration.write(architecture, dialect)
    # The order and the mask are chosen when a checkpoint is loaded, not stored in it; the range of
    # the initializer says nothing about weights that are there.
    chosen = ("order", "mask", "initializer_range")
    read = family.settle(family.configuration.read(config, config), tensors)
    read = read.change(**{name: getattr(architecture, name) for name in chosen})
    lost = [f.name for f in fields(read) if getattr(read, f.name) != getattr(architecture, f.name)]
    if lost:
        raise CheckpointError(
            f"The configuration of {dialect!r} cannot express this model's {', '.join(lost)}; "
            "save as 'playmask'."
        )
    return config


def _check_place(directory: Path, own: set[str]) -> None:
    """Refuse a directory in which another checkpoint would be found first, or left behind."""
    for marker, other in MARKERS.items():
        if marker not in own and (directory / marker).exists():
            raise CheckpointError(
                f"{directory} already holds a checkpoint of the dialect {other!r} ({marker}), "
                "which would be found first or left behind; give another directory."
            )
