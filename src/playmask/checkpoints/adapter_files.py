"""The files of low-rank adapters: adapters.safetensors, and adapters.json, which describes it.

Tensors are named after our weights: blocks/0/attention/query/lora_down (D, rank) and …/lora_up
(rank, units); what a task trained beside them is task/….
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.checkpoints import safetensors
from playmask.errors import CheckpointError
from playmask.files import read_json, write_json
from playmask.files.checksums import read_manifest
from playmask.files.commits import recover
from playmask.model.dense import LORA
from playmask.model.transformer import Transformer
from playmask.runtime.adapters import FILES, Adapters, attached, matrices_of

FORMAT = 1
Arrays = Mapping[str, npt.NDArray[Any]]


class StoredAdapters(NamedTuple):
    """Adapters of a directory.

    settings: of the task that they were trained in, as JSON, or None; own: that task's own
    weights; base: a hash of the kernels they were trained on, None where these were integers
    """

    adapters: Adapters
    settings: Any
    own: dict[str, npt.NDArray[Any]]
    base: str | None


def write_adapters(folder: Path, model: Transformer, own: Arrays) -> None:
    """Write the matrices of a model's adapters, if it has any, and a task's own weights."""
    matrices = matrices_of(model)
    if matrices:
        down, up = LORA
        arrays = {f"{path}/{down}": pair[0] for path, pair in matrices.items()}
        arrays |= {f"{path}/{up}": pair[1] for path, pair in matrices.items()}
        safetensors.write(folder / FILES[0], {**arrays, **own})


def describe_adapters(folder: Path, model: Transformer, settings: Any) -> None:
    """Write what the adapters of a model are, if it has any."""
    if model.adapters is None:
        return
    rank, alpha, pattern = model.adapters.choice
    said = {"rank": rank, "alpha": alpha, "pattern": pattern, "base": base_of(model)}
    write_json(folder / FILES[1], {"format": FORMAT, **said, "settings": settings})


def base_of(model: Transformer) -> str | None:
    """A hash of the kernels that a model's adapters were trained on; None for integers."""
    if model.quantized:
        return None
    kernels = {p: np.asarray(layer._kernel.value) for p, layer in attached(model).items()}
    return kernels_hash(kernels or model.adapters.base)


def kernels_hash(kernels: Arrays) -> str:
    """A hash of kernels by their paths, as float32."""
    sha = hashlib.sha256()
    for path in sorted(kernels):
        sha.update(path.encode())
        sha.update(np.ascontiguousarray(kernels[path], "float32").tobytes())
    return sha.hexdigest()


def read_adapters(directory: Path) -> StoredAdapters:
    """Read the adapters of a directory.

    Raises: CheckpointError where there are none, or they are damaged
    """
    recover(directory)
    weights, description = (directory / name for name in FILES)
    if not weights.is_file() or not description.is_file():
        raise CheckpointError(f"There are no adapters in {directory}: it lacks {FILES[0]}.")
    read_manifest(directory).verify(FILES)
    said = read_json(description)
    if said.get("format") != FORMAT:
        raise CheckpointError(
            f"{description} has the format {said.get('format')!r}; this playmask reads {FORMAT}."
        )
    try:
        adapters = Adapters(int(said["rank"]), float(said["alpha"]), str(said["pattern"]))
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"{description} does not say what it holds: {error}.") from None
    tensors = safetensors.read(weights)
    own = {n: np.array(tensors[n]) for n in tensors if n.rpartition("/")[2] not in LORA}
    for path in dict.fromkeys(n.rpartition("/")[0] for n in tensors if n not in own):
        lacking = next((n for n in LORA if f"{path}/{n}" not in tensors), None)
        if lacking is not None:
            raise CheckpointError(f"{weights} lacks {path}/{lacking}.")
        down, up = (np.array(tensors[f"{path}/{name}"]) for name in LORA)
        adapters.matrices[path] = down, up
    return StoredAdapters(adapters, said.get("settings"), own, said.get("base"))
