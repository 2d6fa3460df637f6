"""The pickle of a state dict, as torch.save writes it; `pickles` reads it.

Source: torch/_tensor.py (`_reduce_ex_internal`), torch/serialization.py (`persistent_id`)
"""

import itertools
import operator
import struct
from collections.abc import Mapping

from playmask.checkpoints.containers import Spec, size
from playmask.checkpoints.pickle_reader import SCALARS, STORAGES

TYPED = {dtype: name for name, dtype in STORAGES.items() if name != "UntypedStorage"}
UNTYPED = {dtype: name for name, dtype in SCALARS.items() if dtype not in TYPED}
"""The storages of most dtypes; PyTorch keeps the younger ones as bytes and names the dtype."""

DTYPES = (*TYPED, *UNTYPED)
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


def state_dict(specs: Mapping[str, Spec], *, under: str | None = None) -> bytes:
    """Pickle a dict of tensors, or one that holds it `under` a key; storages count from "0"."""
    tensors = (_text(name) + _tensor(str(key), specs[name]) for key, name in enumerate(specs))
    state = ORDERED_DICT + b"(" + b"".join(tensors) + b"u"
    if under is not None:
        state = b"}" + _text(under) + state + b"s"
    return b"\x80\x02" + state + b"."


def _tensor(key: str, spec: Spec) -> bytes:
    """Describe one tensor in C order that has a storage of its own."""
    if spec.dtype in TYPED:
        function, kind, count = "_rebuild_tensor_v2", _global("torch", TYPED[spec.dtype]), 1
        dtype = b""
    else:
        function, kind = "_rebuild_tensor_v3", _global("torch.storage", "UntypedStorage")
        count, dtype = spec.dtype.itemsize, _global("torch", UNTYPED[spec.dtype])
    numbers = _number(count * size(spec.shape))
    storage = _tuple(_text("storage"), kind, _text(key), _text("cpu"), numbers) + b"Q"
    no_gradient, no_hooks = b"\x89", ORDERED_DICT
    shape, strides = map(_numbers, (spec.shape, _strides(spec.shape)))
    view = _tuple(storage, _number(0), shape, strides, no_gradient, no_hooks, dtype)
    return _global("torch._utils", function) + view + b"R"


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How far apart, in elements, the neighbours along each axis are in C order."""
    lengths = [max(n, 1) for n in reversed(shape[1:])]
    return tuple(itertools.accumulate(lengths, operator.mul, initial=1))[::-1][: len(shape)]


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _number(value: int) -> bytes:
    if value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x08" + struct.pack("<q", value)


def _numbers(values: tuple[int, ...]) -> bytes:
    return _tuple(*map(_number, values))


def _tuple(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"
