"""Safetensors files: a length, a JSON header and the bytes.

Source: https://github.com/huggingface/safetensors#format
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from playmask.checkpoints import containers
from playmask.checkpoints.containers import Spec, Tensors, stored_spec
from playmask.errors import CheckpointError, brief
from playmask.files import PathLike, replacing
from playmask.runtime.lazy_weights import ALIGNMENT

DTYPES = {
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F16": np.dtype("<f2"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
"""The widest first, so that all are aligned where they lie in a file in this order."""

NAMES = {dtype: name for name, dtype in DTYPES.items()}
HEADER_LIMIT = 1 << 24  # bytes; the header of a model with 1,000 tensors takes 0.1 MB


class Safetensors(Tensors):
    """The tensors of one file; `metadata` holds the strings its header carries."""

    def __init__(self, path: Path, buffer: np.ndarray, header: dict[str, Any]):
        self.metadata: dict[str, str] = header.pop("__metadata__", {})
        self._buffer = buffer
        self._offsets = {name: entry["data_offsets"] for name, entry in header.items()}
        specs, unreadable = {}, {}
        for name, entry in header.items():
            if entry["dtype"] in DTYPES:
                specs[name] = Spec(tuple(entry["shape"]), DTYPES[entry["dtype"]])
            else:
                unreadable[name] = f"dtype {entry['dtype']}"
        super().__init__(path, specs, unreadable)

    def _load(self, name: str) -> np.ndarray:
        start, end = self._offsets[name]
        return containers.view(self._buffer[start:end], self._specs[name])


def read(path: PathLike) -> Tensors:
    """Open a file, the index of a sharded one (`*.index.json`), or the folder of either.

    Raises:  CheckpointError if a file is missing, foreign, cut short or inconsistent
    """
    path = containers.locate(path, "model", ".safetensors")
    if path.name.endswith(".index.json"):
        return containers.read_sharded(path, _read_file)
    return _read_file(path)


def _read_file(path: Path) -> Safetensors:
    file = containers.mapped(path)
    length = int.from_bytes(file[:8].tobytes(), "little")
    if len(file) < 8 or length > min(HEADER_LIMIT, len(file) - 8):
        raise CheckpointError(
            f"{path} is not a safetensors file, or is cut short: its first 8 bytes announce a "
            f"header of {length} bytes and the file has {len(file)}."
        )
    buffer = file[8 + length :]
    try:
        header = json.loads(file[8 : 8 + length].tobytes(), object_pairs_hook=_unique)
        _check(header, len(buffer))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} has a damaged safetensors header: {error}.") from error
    return Safetensors(path, buffer, header)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("it names a tensor twice")
    return out


def _check(header: dict[str, Any], length: int) -> None:
    """See that every entry is well formed and that together they tile the `length` bytes."""
    position = 0
    entries = [(name, entry) for name, entry in header.items() if name != "__metadata__"]
    for name, entry in sorted(entries, key=lambda item: item[1]["data_offsets"]):
        start, end = entry["data_offsets"]
        if not all(type(n) is int and 0 <= n < 1 << 62 for n in (start, end)) or start > end:
            raise ValueError(f"tensor {name!r} has impossible offsets {brief([start, end])}")
        if start != position:
            raise ValueError(
                f"tensor {name!r} starts at byte {start} where {position} would be right"
            )
        position = end
        if end > length:
            raise ValueError(
                f"tensor {name!r} ends at byte {end} of {length}: the file is cut short"
            )
        dtype = DTYPES.get(entry["dtype"])
        if dtype is None:
            continue
        size = end - start
        try:
            fits = stored_spec(entry["shape"], dtype).nbytes == size
        except ValueError as error:
            raise ValueError(
                f"tensor {name!r} has {size} bytes for {dtype} and impossible numbers: {error}"
            ) from None
        if not fits:
            shape = brief(entry["shape"])
            raise ValueError(f"tensor {name!r} has {size} bytes for {dtype} {shape}")
    if position != length:
        raise ValueError(f"its tensors end at byte {position} but there are {length}")


def write(
    path: PathLike,
    tensors: Mapping[str, np.ndarray],
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors to one file, bit for bit, one after the other; an older one stays on failure.

    They lie so that JAX need not copy them: first all whose size is a multiple of 64 bytes, each
    at such a multiple, then the rest. (The format's own library aligns to 8 bytes.)

    Raises:  CheckpointError for a name, a dtype or metadata that the format lacks
    """
    specs = containers.specs_of(path, tensors, DTYPES.values())
    order = list(NAMES)

    def place(name: str) -> tuple[bool, int, str]:
        spec = specs[name]
        return spec.nbytes % ALIGNMENT > 0, order.index(spec.dtype), name

    names = sorted(specs, key=place)
    head = _header(path, {name: specs[name] for name in names}, metadata)
    with replacing(path) as (temporary,), temporary.open("wb") as file:
        file.write(head)
        for name in names:
            file.write(containers.raw(np.asarray(tensors[name])).data)


def _header(path: PathLike, specs: Mapping[str, Spec], metadata: Mapping[str, str] | None) -> bytes:
    """The length and the JSON of tensors that lie one after the other."""
    if "__metadata__" in specs:
        raise CheckpointError(f"{path}: '__metadata__' cannot name a tensor in safetensors.")
    header: dict[str, Any] = {}
    if metadata:
        if not all(isinstance(text, str) for item in metadata.items() for text in item):
            raise CheckpointError(f"{path}: metadata is strings by name, not {dict(metadata)!r}.")
        header["__metadata__"] = dict(sorted(metadata.items()))
    end = 0
    for name, spec in specs.items():
        start, end = end, end + spec.nbytes
        entry = {"dtype": NAMES[spec.dtype], "shape": spec.shape, "data_offsets": [start, end]}
        header[name] = entry
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)  # so that the tensors lie aligned
    return len(text).to_bytes(8, "little") + text
