"""A checkpoint in several files with an index, as Hugging Face writes it."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from playmask.checkpoints.containers import Spec, Subset, Tensors
from playmask.files import write_json


def index_of(file: Path) -> Path:
    """The index that lists the shards of what would else be this file."""
    return file.with_name(f"{file.name}.index.json")


def split(tensors: Tensors, limit: int) -> list[dict[str, Spec]]:
    """Share tensors out, in their order, into shards of at most `limit` bytes.

    A tensor that is larger than that has a shard of its own.
    """
    shards: list[dict[str, Spec]] = [{}]
    filled = 0
    for name in tensors:
        spec = tensors.spec(name)
        if shards[-1] and filled + spec.nbytes > limit:
            shards.append({})
            filled = 0
        shards[-1][name] = spec
        filled += spec.nbytes
    return shards


def write(
    file: Path,
    tensors: Tensors,
    shards: list[dict[str, Spec]],
    write_file: Callable[[Path, Mapping[str, np.ndarray]], None],
) -> None:
    """Write a file, or several shards beside where it would be and the index that lists them."""
    if len(shards) < 2:
        write_file(file, tensors)
        return
    index, count = index_of(file), len(shards)
    names = [f"{file.stem}-{i:05d}-of-{count:05d}{file.suffix}" for i in range(1, count + 1)]
    home = {name: at for at, shard in zip(names, shards, strict=True) for name in shard}
    total = sum(spec.nbytes for shard in shards for spec in shard.values())
    listing = {"metadata": {"total_size": total}, "weight_map": dict(sorted(home.items()))}
    for name, shard in zip(names, shards, strict=True):
        place = file.with_name(name)
        write_file(place, Subset(place, tensors, shard))
    write_json(index, listing)


def listed(index: Path) -> set[str]:
    """The shards of an older checkpoint, where they lie beside its index and are named as ours."""
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return set()
    stem, suffix = index.name.removesuffix(".index.json").split(".")
    name = re.compile(rf"{stem}-\d{{5}}-of-\d{{5}}\.{suffix}")
    return {item for item in names if isinstance(item, str) and name.fullmatch(item)}
