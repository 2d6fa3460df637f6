"""Finding a checkpoint on disk: its container, its configuration, its tensors."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playmask.checkpoints import (
    built_in,
    bundle,
    hdf5,
    hub,
    megatron,
    safetensors,
    torch_zip,
    weights_file,
)
from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.keras_layers import OBJECTS, by_layers, by_objects
from playmask.checkpoints.wrappers import prefix_of, unwrapped
from playmask.errors import CheckpointError, ConfigError, brief
from playmask.files import PathLike, read_json, refuse_stand_ins
from playmask.files.checksums import CHECKSUMS, read_manifest
from playmask.files.commits import recover
from playmask.habits import hint
from playmask.model.architecture import Architecture
from playmask.model.heads import with_needed
from playmask.tokenizers import vocabulary_files

ARCHITECTURE, WEIGHTS = "architecture.json", "weights.safetensors"
CONFIGS = ("config.json", "bert_config.json")
NOT_MODEL = ("tokenizer", "generation", "preprocessor", "config_", "data_")
TORCH_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
KERAS = "bert4keras"
HDF5_SUFFIXES = (".weights", ".h5", ".hdf5")
CONFIG_PARTS = (ARCHITECTURE, *CONFIGS)
WEIGHT_PARTS = (
    WEIGHTS, "model*.safetensors", "pytorch_model*.bin", "*.index.json", "*.ckpt.*", "mp_rank_*",
)  # fmt: skip
"""Patterns of the names of what `save` writes, besides the tokenizer's files."""


@dataclass(frozen=True)
class Source:
    """A checkpoint as it lies on disk.

    container: "playmask", "google" (a TensorFlow checkpoint), "huggingface" (PyTorch's tensors),
    "megatron" (the ranks of a parallel model) or "bert4keras" (Keras 2's layers); directory: where
    its configuration lies; prefix: what stood before the tensors' names and was taken off.
    """

    path: Path
    directory: Path
    container: str
    config: dict[str, Any]
    tensors: Tensors
    prefix: str = ""


def read_description(file: Path, config: dict[str, Any]) -> tuple[Architecture, tuple[str, ...]]:
    """The architecture and the heads that the content of an architecture.json describes.

    Raises: CheckpointError naming the file where it is of another format, or lacks something
    """
    if config.get("format") != 1:
        raise CheckpointError(
            f"{file} is of playmask's format {brief(config.get('format'))}; this version reads "
            "format 1."
        )
    for key in ("architecture", "heads"):
        if key not in config:
            raise CheckpointError(
                f"{file} lacks {key!r}, so it is not whole; save the model again."
            )
    heads = config["heads"]
    if not isinstance(heads, list) or not all(isinstance(head, str) for head in heads):
        raise CheckpointError(f"{file}: heads is {brief(heads)}, where a list of names is due.")
    try:
        return Architecture.from_json(config["architecture"]), with_needed(heads)
    except ConfigError as error:
        raise CheckpointError(f"{file}: {error}") from error


def find(path: str | Path, family: str | None = None, config: PathLike | None = None) -> Source:
    """Open the checkpoint at a directory, a prefix, a weights file, a built-in or a hub's name.

    family: where several configurations lie there, the one whose name says most of it is taken;
    config: the configuration's file, or the folder that holds it (None = it lies there too)
    Raises: CheckpointError where there is none, or more than one; ConfigError for the path of a
            configuration
    """
    name = Path(path).name
    if name.endswith(".json") and not (name.endswith(".index.json") or Path(path).is_dir()):
        raise ConfigError(hint("load", path))
    source = _open(path, config)
    if source.container == "playmask":
        if config is not None:
            raise ConfigError(f"{path} has an {ARCHITECTURE} of its own; leave config= out.")
        return source
    prefix = prefix_of(source.path, source.container, source.tensors)
    if prefix:
        tensors = unwrapped(source.path, source.tensors, prefix)
        source = replace(source, tensors=tensors, prefix=prefix)
    file = None if family is None or config else _config_file(source.directory, family)
    return source if file is None else replace(source, config=read_json(file))


@contextlib.contextmanager
def verifying(directory: Path) -> Iterator[None]:
    """Compare a checkpoint's files with the directory's checksums.json, if it has one.

    The weights are read in a thread, beside the work inside, whose end waits for the verdict.

    Raises: CheckpointError for a file that is not what was saved
    """
    refuse_stand_ins([directory / CHECKSUMS])
    manifest = read_manifest(directory)
    small = manifest.among((*CONFIG_PARTS, *vocabulary_files.PARTS))
    weights = manifest.among(WEIGHT_PARTS)
    refuse_stand_ins(directory / name for name in (*small, *weights))
    manifest.verify(small)
    with manifest.verifying(weights):
        yield


def _open(path: str | Path, config: PathLike | None) -> Source:
    place = built_in.folder_of(path) or Path(path).expanduser()
    recover(place if place.is_dir() else place.parent)
    if not place.exists() and not is_prefix(place):
        if hub.is_name(path):
            place = hub.download(str(path))
        else:
            raise CheckpointError(
                f"There is no checkpoint at {place}: neither a directory, a file, nor the prefix "
                "of a TensorFlow checkpoint (its files end in .index and .data-…)."
                f"{built_in.proposal(path)}"
            )
    return _in_directory(place, config) if place.is_dir() else _in_file(place, config)


def _in_file(place: Path, config: PathLike | None) -> Source:
    if hdf5.is_hdf5(place):
        return _keras(place, config)
    if place.match(megatron.RANKS):
        return _megatron(place.parent, place.parent, config)
    if place.suffix in (".safetensors", ".bin") or place.name.endswith(".index.json"):
        return _torch(place, config)
    return _tensorflow(place, config)


def is_prefix(place: Path) -> bool:
    """Whether a path is the prefix of a TensorFlow checkpoint."""
    return place.with_name(f"{place.name}.index").exists()


def _in_directory(place: Path, config: PathLike | None) -> Source:
    if (place / ARCHITECTURE).exists():
        described = read_json(place / ARCHITECTURE)
        return Source(place, place, "playmask", described, weights_file.read(place / WEIGHTS))
    for name in TORCH_FILES:
        if (place / name).exists():
            return _torch(place / name, config)
    ranks = megatron.folder_in(place)
    if ranks is not None:
        return _megatron(place, ranks, config)
    indexes = sorted(place.glob("*.index"))
    if len(indexes) == 1:
        return _tensorflow(indexes[0], config)
    if indexes:
        raise CheckpointError(
            f"{place} holds {len(indexes)} TensorFlow checkpoints; name one by its prefix, "
            f"such as {indexes[-1].with_suffix('')}."
        )
    layers = [file for file in sorted(place.iterdir()) if file.suffix in HDF5_SUFFIXES]
    layers = [file for file in layers if hdf5.is_hdf5(file)]
    if len(layers) == 1:
        return _keras(layers[0], config)
    if layers:
        raise CheckpointError(
            f"{place} holds {len(layers)} HDF5 files; name one, such as {layers[-1]}."
        )
    names = ", ".join(sorted(p.name for p in place.iterdir())[:8]) or "nothing"
    raise CheckpointError(
        f"{place} holds no checkpoint (found: {names}); expected {ARCHITECTURE}, "
        f"{TORCH_FILES[0]}, {TORCH_FILES[2]}, {megatron.RANK.format(0)}, Keras 2's HDF5 or a "
        "TensorFlow checkpoint's .index file."
    )


def _torch(file: Path, config: PathLike | None) -> Source:
    read = torch_zip.read if ".bin" in file.name else safetensors.read
    directory, described = _config(file.parent, config)
    return Source(file, directory, "huggingface", described, read(file))


def _tensorflow(file: Path, config: PathLike | None) -> Source:
    tensors = bundle.read(file)
    directory, described = _config(file.parent, config)
    graph = tensors.text(OBJECTS)
    if graph is not None:
        layers = by_objects(tensors.path, tensors, graph)
        return Source(tensors.path, directory, KERAS, described, layers)
    return Source(tensors.path, directory, "google", described, tensors)


def _keras(file: Path, config: PathLike | None) -> Source:
    directory, described = _config(file.parent, config)
    return Source(file, directory, KERAS, described, by_layers(file, hdf5.read(file)))


def _megatron(place: Path, ranks: Path, config: PathLike | None) -> Source:
    """Ranks, and the configuration in their folder or in that of the whole training."""
    above = [ranks.parent] if (ranks.parent / megatron.TRACKER).is_file() else []
    places = (place, ranks, *above) if config is None else (place,)
    for directory in dict.fromkeys(places):
        if config is not None or _config_file(directory) is not None:
            folder, described = _config(directory, config)
            return Source(ranks, folder, "megatron", described, megatron.read(ranks))
    raise CheckpointError(
        f"{place} has no configuration, and Megatron's tensors do not tell the number of heads; "
        f"put a {CONFIGS[0]} there, which for CPM-Generate says {megatron.EXAMPLE}."
    )


def _config(directory: Path, config: PathLike | None) -> tuple[Path, dict[str, Any]]:
    """The configuration, and where it lies: in a directory, or where it is said to be."""
    if config is not None:
        directory = Path(config).expanduser()
        if directory.is_file():
            return directory.parent, read_json(directory)
    file = _config_file(directory)
    if file is None:
        raise CheckpointError(
            f"{directory} has no configuration; expected {' or '.join(CONFIGS)}, or its path in "
            "config=."
        )
    return directory, read_json(file)


def _config_file(directory: Path, family: str = "") -> Path | None:
    """The configuration in a directory: of a usual name, or else the first that speaks of it."""
    words = set(family.split("_"))

    def overlap(name: str) -> int:
        return len(words.intersection(re.split(r"[^a-z0-9]+", name.lower())))

    configs = sorted(p.name for p in directory.glob("*_config*.json"))
    others = sorted(configs, key=overlap, reverse=True)
    names = (*CONFIGS, *(n for n in others if not n.startswith(NOT_MODEL)))
    return next((directory / name for name in names if (directory / name).exists()), None)
