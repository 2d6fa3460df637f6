"""An interpreter for the pickle of a state dict, which nothing can be smuggled through.

The pickle is not unpickled: the interpreter knows the few opcodes and globals that a dict of
tensors needs, imports nothing and calls only functions of this file.

Source: pickletools.opcodes; torch/_utils.py for what the globals mean
"""

import io
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from playmask.checkpoints.containers import MOST_AXES, Spec, stored_spec
from playmask.errors import CheckpointError

LIMIT = 1 << 22  # bytes; the pickle of a model with 1,000 tensors takes 0.1 MB
STORAGES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
    "UntypedStorage": np.dtype("u1"),
}
SCALARS = {
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "int64": np.dtype("<i8"),
    "int32": np.dtype("<i4"),
    "int16": np.dtype("<i2"),
    "int8": np.dtype("i1"),
    "uint8": np.dtype("u1"),
    "bool": np.dtype("?"),
    "uint16": np.dtype("<u2"),
    "uint32": np.dtype("<u4"),
    "uint64": np.dtype("<u8"),
}


class Storage(NamedTuple):
    """The bytes `start` to `end` of a run of raw bytes that the file has under `key`."""

    key: str
    dtype: np.dtype
    start: int
    end: int


class View(NamedTuple):
    """A tensor: where it starts in its storage and how its elements follow (in elements)."""

    storage: Storage
    spec: Spec
    offset: int
    strides: tuple[int, ...]


class Foreign:
    """Something other than a tensor that a training left beside them; only that is known of it."""


class Pickle:
    """A stack machine for one pickle; `storages` are those that its tensors look into.

    Every value costs the file at least a byte, no opcode copies a container, and dict keys are
    plain, so that work and memory are linear in the pickle, which has at most LIMIT bytes.

    Raises:  CheckpointError naming what the pickle asks for that no dict of tensors needs;
             ValueError, LookupError, TypeError if it is damaged
    """

    def __init__(self, path: Path):
        self.path = path
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def load(self, stream: io.BytesIO) -> Any:
        """Interpret one pickle, up to its STOP."""
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name in LITERALS:
                self.stack.append(argument)
            elif opcode.name in OPCODES:
                OPCODES[opcode.name](self, argument)
            else:
                self._refuse(f"uses the opcode {opcode.name} {argument or ''}")
        return self.stack.pop()

    def _refuse(self, what: str) -> None:
        raise CheckpointError(
            f"{self.path} {what[:200].strip()}, which a dict of tensors does not need and which "
            "could run code; nothing was run, so load it with torch only if you trust its source "
            "and save its state_dict()."
        )

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    def _since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _last(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise IndexError("the pickle's stack is empty")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def _put(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def _extend(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError("the pickle appends to something that is not a list")
        self.stack[-1].extend(values)

    def _update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(target) is not dict or type(key) not in (str, int, bool, float, type(None)):
                raise TypeError(f"the pickle has a {type(key).__name__} for the key of a dict")
            target[key] = value

    def _global(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise TypeError("the pickle names a global by something that is not a string")
        if module in ("torch", "torch.storage", "torch.cuda") and name in STORAGES:
            self.stack.append(STORAGES[name])
        elif module == "torch" and name in SCALARS:
            self.stack.append(SCALARS[name])
        elif (module, name) in FUNCTIONS:
            self.stack.append(FUNCTIONS[module, name])
        elif (module, name) in INERT:
            self.stack.append(_foreign)
        else:
            self._refuse(f"asks for the global {module}.{name}")

    def _reduce(self) -> None:
        function, arguments = self._last(2)
        if not callable(function) or type(arguments) is not tuple or len(arguments) > 9:
            raise TypeError("the pickle calls something that is not a function of tensors")
        self.stack.append(function(*arguments))

    def _new(self) -> None:
        function, _ = self._last(2)
        if function is not _foreign:
            self._refuse("uses the opcode NEWOBJ")
        self.stack.append(Foreign())

    def _build(self) -> None:
        # An OrderedDict's attributes, as `_metadata`, or what a value would be made of.
        if type(self.stack[-2]) not in (dict, Foreign):
            self._refuse("sets attributes")
        self.stack.pop()

    def _persistent(self) -> None:
        reference = self.stack.pop()
        if type(reference) is not tuple or not 5 <= len(reference) <= 6:
            raise TypeError("the pickle refers to something that is not a storage")
        kind, dtype, key, _, count, *rest = reference
        if kind != "storage" or not isinstance(dtype, np.dtype) or type(key) is not str:
            self._refuse("refers to something that is not a storage")
        _natural(count)
        root = Storage(key, dtype, 0, count * dtype.itemsize)
        if self.storages.setdefault(key, root)[2:] != root[2:]:
            raise ValueError(f"storage {key!r} has two sizes")
        if rest and rest[0] is not None:
            _, offset, length = rest[0]
            _natural(offset, length, offset + length)
            part = root._replace(
                start=offset * dtype.itemsize, end=(offset + length) * dtype.itemsize
            )
            if part.end > root.end:
                raise ValueError(f"a view reaches beyond its storage {key!r}")
            root = part
        self.stack.append(root)


def _natural(*numbers: Any) -> None:
    if not all(type(n) is int and 0 <= n < 1 << 62 for n in numbers):
        raise ValueError("a size, stride or offset is not a natural number")


def _view(
    storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype
) -> View:
    """Describe a tensor, after seeing that it stays inside its storage."""
    if not isinstance(storage, Storage) or not isinstance(dtype, np.dtype):
        raise TypeError("a tensor is built from something that is not a storage")
    if (
        type(shape) is not tuple
        or type(strides) is not tuple
        or not len(shape) == len(strides) <= MOST_AXES
    ):
        raise TypeError("a tensor has no proper shape")
    _natural(offset, *shape, *strides)
    reach = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    available = (storage.end - storage.start) // dtype.itemsize
    if 0 not in shape and reach >= available:
        raise ValueError(
            f"a tensor of shape {shape} reaches element {reach} of the {available} in its storage"
        )
    return View(storage, stored_spec(shape, dtype), offset, strides)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> View:
    return _view(storage, offset, shape, strides, storage.dtype)


def _tensor_v3(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    grad: Any,
    hooks: Any,
    dtype: Any,
    *rest: Any,
) -> View:
    return _view(storage, offset, shape, strides, dtype)


def _parameter(tensor: Any, *rest: Any) -> Any:
    return tensor


def _size(shape: Any) -> tuple[int, ...]:
    if type(shape) is not tuple:
        raise TypeError("a torch.Size is built from something that is not a tuple")
    return shape


def _ordered_dict() -> dict[Any, Any]:
    return {}


def _foreign(*arguments: Any) -> Foreign:
    return Foreign()


FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_v3,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch", "Size"): _size,
    ("collections", "OrderedDict"): _ordered_dict,
}
MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
INERT = {
    *((module, name) for module in MODULES for name in ("_reconstruct", "scalar")),
    *(("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")),
    *(("__builtin__", "set"), ("builtins", "set"), ("argparse", "Namespace")),
    *(("fp16.loss_scaler", name) for name in ("LossScaler", "DynamicLossScaler")),
}
"""What trainings keep beside the tensors: generators, settings, scalers. None is ever made."""

LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES"),
}
OPCODES: dict[str, Callable[[Pickle, Any], Any]] = {
    **dict.fromkeys(["PROTO", "FRAME", "STOP"], lambda p, a: None),
    "NONE": lambda p, a: p._push(None),
    "NEWTRUE": lambda p, a: p._push(True),
    "NEWFALSE": lambda p, a: p._push(False),
    "EMPTY_DICT": lambda p, a: p._push({}),
    "EMPTY_LIST": lambda p, a: p._push([]),
    "EMPTY_TUPLE": lambda p, a: p._push(()),
    "MARK": lambda p, a: p.marks.append(len(p.stack)),
    "TUPLE": lambda p, a: p._push(tuple(p._since_mark())),
    "TUPLE1": lambda p, a: p._push(p._last(1)),
    "TUPLE2": lambda p, a: p._push(p._last(2)),
    "TUPLE3": lambda p, a: p._push(p._last(3)),
    "APPEND": lambda p, a: p._extend(list(p._last(1))),
    "APPENDS": lambda p, a: p._extend(p._since_mark()),
    "SETITEM": lambda p, a: p._update(list(p._last(2))),
    "SETITEMS": lambda p, a: p._update(p._since_mark()),
    **dict.fromkeys(["BINPUT", "LONG_BINPUT", "MEMOIZE"], lambda p, a: p._put(a)),
    **dict.fromkeys(["BINGET", "LONG_BINGET"], lambda p, a: p._push(p.memo[a])),
    "GLOBAL": lambda p, a: p._global(*a.split(" ", 1)),
    "STACK_GLOBAL": lambda p, a: p._global(*p._last(2)),
    "BINPERSID": lambda p, a: p._persistent(),
    "REDUCE": lambda p, a: p._reduce(),
    "NEWOBJ": lambda p, a: p._new(),
    "BUILD": lambda p, a: p._build(),
}
