"""The weights of playmask's own format: one safetensors file, its large tensors also in 8 bits.

In 8 bits the numbers of a tensor stand in blocks of 64, each with a scale of its own: the greatest
of its magnitudes is 127 scales, as in the format Q8_0 of llama.cpp, whose blocks have 32.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from playmask.checkpoints import safetensors
from playmask.checkpoints.containers import Spec, Tensors, size, specs_of
from playmask.errors import CheckpointError
from playmask.files import PathLike

BLOCK = 64  # numbers with one scale: 1.6 % of the size of an 8-bit tensor
SMALLEST = 4096  # numbers of a tensor that is worth it; norms and biases stay as they are
SCALES = ":scales"
"""What the name of a tensor's scales ends with."""


class Dequantized(Tensors):
    """The tensors of a file, in float32 where it holds them in 8 bits."""

    def __init__(self, stored: Tensors) -> None:
        names = [name for name in stored if not name.endswith(SCALES)]
        self._stored = stored
        specs = {
            n: _dequantized(stored, n) if n + SCALES in stored else stored.spec(n) for n in names
        }
        super().__init__(stored.path, specs, stored.unreadable)

    def stored_specs(self) -> list[Spec]:
        """Shapes and dtypes in the file: integers and their scales."""
        return self._stored.stored_specs()

    def _load(self, name: str) -> np.ndarray:
        if name + SCALES not in self._stored:
            return self._stored[name]
        integers, scales = self._stored[name], self._stored[name + SCALES]
        numbers: np.ndarray = (
            _blocks(integers).astype("float32") * scales.astype("float32")[:, None]
        )
        return numbers.reshape(-1)[: integers.size].reshape(integers.shape)


class Quantized(Tensors):
    """Tensors as a file holds them in 8 bits, each made when it is asked for."""

    def __init__(self, path: Path, tensors: Mapping[str, np.ndarray]) -> None:
        self._tensors = tensors
        specs: dict[str, Spec] = {}
        for name, spec in specs_of(path, tensors, safetensors.DTYPES.values()).items():
            if name.endswith(SCALES):
                raise CheckpointError(f"{path}: {name} is called as scales are.")
            if size(spec.shape) < SMALLEST or spec.dtype.kind in "iub":
                specs[name] = spec
                continue
            specs[name] = Spec(spec.shape, np.dtype("int8"))
            specs[name + SCALES] = Spec((-(-size(spec.shape) // BLOCK),), np.dtype("float32"))
        super().__init__(path, specs, {})

    def _load(self, name: str) -> np.ndarray:
        source = name.removesuffix(SCALES)
        tensor = self._tensors[source]
        if source == name and name + SCALES not in self:
            return tensor
        numbers = _blocks(tensor.astype("float32"))
        scales: np.ndarray = np.abs(numbers).max(axis=1) / 127
        if source != name:
            return scales
        integers = np.rint(numbers / np.where(scales > 0, scales, 1)[:, None]).astype("int8")
        return integers.reshape(-1)[: tensor.size].reshape(tensor.shape)


def read(path: PathLike) -> Tensors:
    """Open a file of weights, whatever precision it holds them in.

    Raises: CheckpointError for a file that is missing, foreign, cut short or inconsistent
    """
    stored = safetensors.read(path)
    return Dequantized(stored) if any(name.endswith(SCALES) for name in stored) else stored


def write_in_8_bits(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write weights in 8 bits, whole or not at all."""
    safetensors.write(path, Quantized(path, tensors))


INT8 = "int8"
WRITERS: dict[str, Callable[[Path, Mapping[str, np.ndarray]], None]] = {
    "safetensors": safetensors.write,
    INT8: write_in_8_bits,
}
"""What writes a file of weights, by the name of its container."""


def _dequantized(stored: Tensors, name: str) -> Spec:
    """The shape and dtype that an 8-bit tensor is read in; raises CheckpointError."""
    spec, scales = stored.spec(name), stored.spec(name + SCALES)
    count = -(-size(spec.shape) // BLOCK)
    if spec.dtype != np.int8 or scales.shape != (count,) or scales.dtype.kind != "f":
        raise CheckpointError(
            f"{stored.path}: {name} is {spec.dtype} {spec.shape} with {scales.dtype} "
            f"{scales.shape} scales, where int8 and {count} of them are due."
        )
    return Spec(spec.shape, np.dtype("float32"))


def _blocks(array: np.ndarray) -> np.ndarray:
    """An array's numbers in blocks: (N, 64), the last one filled up with zeros."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return np.pad(flat, (0, -len(flat) % BLOCK)).reshape(-1, BLOCK)
