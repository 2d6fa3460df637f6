"""Finding a checkpoint on disk: its container, its configuration, its tensors."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playmask.checkpoints import bundle, hub, megatron, safetensors, torch_zip
from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.wrappers import Unwrapped, prefix_of
from playmask.errors import CheckpointError, ConfigError, brief
from playmask.files import read_json, refuse_stand_ins
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
CONFIG_PARTS = (ARCHITECTURE, *CONFIGS)
WEIGHT_PARTS = (
    WEIGHTS, "model*.safetensors", "pytorch_model*.bin", "*.index.json", "*.ckpt.*", "mp_rank_*",
)  # fmt: skip
"""Patterns of the names of what `save` writes, besides the tokenizer's files."""


@dataclass(frozen=True)
class Source:
    """A checkpoint as it lies on disk.

    container: "playmask", "google" (a TensorFlow checkpoint), "huggingface" (PyTorch's tensors) or
    "megatron" (the ranks of a parallel model); directory: where its configuration lies; prefix:
    what stood before the tensors' names and was taken off.
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


def find(path: str | Path, family: str | None = None) -> Source:
    """Open the checkpoint at a directory, a prefix, a weights file, or a hub's name.

    family: where several configurations lie there, the one whose name says most of it is taken
    Raises: CheckpointError where there is none, or more than one; ConfigError for the path of a
            configuration
    """
    name = Path(path).name
    if name.endswith(".json") and not (name.endswith(".index.json") or Path(path).is_dir()):
        raise ConfigError(hint("load", path))
    source = _open(path)
    if source.container == "playmask":
        return source
    prefix = prefix_of(source.path, source.container, source.tensors)
    if prefix:
        tensors = Unwrapped(source.path, source.tensors, prefix)
        source = replace(source, tensors=tensors, prefix=prefix)
    file = None if family is None else _config_file(source.directory, family)
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


def _open(path: str | Path) -> Source:
    place = Path(path).expanduser()
    recover(place if place.is_dir() else place.parent)
    if not place.exists() and not _is_prefix(place):
        if hub.is_name(path):
            place = hub.download(str(path))
        else:
            raise CheckpointError(
                f"There is no checkpoint at {place}: neither a directory, a file, nor the prefix "
                "of a TensorFlow checkpoint (its files end in .index and .data-…)."
            )
    if place.is_dir():
        return _in_directory(place)
    if place.match(megatron.RANKS):
        return _megatron(place.parent, place.parent)
    if place.suffix in (".safetensors", ".bin") or place.name.endswith(".index.json"):
        return _torch(place)
    return _tensorflow(place)


def _is_prefix(place: Path) -> bool:
    return place.with_name(f"{place.name}.index").exists()


def _in_directory(place: Path) -> Source:
    if (place / ARCHITECTURE).exists():
        config = read_json(place / ARCHITECTURE)
        return Source(place, place, "playmask", config, safetensors.read(place / WEIGHTS))
    for name in TORCH_FILES:
        if (place / name).exists():
            return _torch(place / name)
    ranks = megatron.folder_in(place)
    if ranks is not None:
        return _megatron(place, ranks)
    indexes = sorted(place.glob("*.index"))
    if len(indexes) == 1:
        return _tensorflow(indexes[0])
    if indexes:
        raise CheckpointError(
            f"{place} holds {len(indexes)} TensorFlow checkpoints; name one by its prefix, "
            f"such as {indexes[-1].with_suffix('')}."
        )
    names = ", ".join(sorted(p.name for p in place.iterdir())[:8]) or "nothing"
    raise CheckpointError(
        f"{place} holds no checkpoint (found: {names}); expected {ARCHITECTURE}, "
        f"{TORCH_FILES[0]}, {TORCH_FILES[2]}, {megatron.RANK.format(0)} or a TensorFlow "
        "checkpoint's .index file."
    )


def _torch(file: Path) -> Source:
    read = torch_zip.read if ".bin" in file.name else safetensors.read
    return Source(file, file.parent, "huggingface", _config(file.parent), read(file))


def _tensorflow(file: Path) -> Source:
    tensors = bundle.read(file)
    return Source(tensors.path, file.parent, "google", _config(file.parent), tensors)


def _megatron(place: Path, ranks: Path) -> Source:
    """Ranks, and the configuration in their folder or in that of the whole training."""
    above = [ranks.parent] if (ranks.parent / megatron.TRACKER).is_file() else []
    for directory in dict.fromkeys((place, ranks, *above)):
        file = _config_file(directory)
        if file is not None:
            return Source(ranks, directory, "megatron", read_json(file), megatron.read(ranks))
    raise CheckpointError(
        f"{place} has no configuration, and Megatron's tensors do not tell the number of heads; "
        f"put a {CONFIGS[0]} there, which for CPM-Generate says {megatron.EXAMPLE}."
    )


def _config(directory: Path) -> dict[str, Any]:
    file = _config_file(directory)
    if file is None:
        raise CheckpointError(f"{directory} has no configuration; expected {' or '.join(CONFIGS)}.")
    return read_json(file)


def _config_file(directory: Path, family: str = "") -> Path | None:
    """The configuration in a directory: of a usual name, or else the first that speaks of it."""
    words = set(family.split("_"))

    def overlap(name: str) -> int:
        return len(words.intersection(re.split(r"[^a-z0-9]+", name.lower())))

    configs = sorted(p.name for p in directory.glob("*_config*.json"))
    others = sorted(configs, key=overlap, reverse=True)
    names = (*CONFIGS, *(n for n in others if not n.startswith(NOT_MODEL)))
    return next((directory / name for name in names if (directory / name).exists()), None)
