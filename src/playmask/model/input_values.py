"""Ids that no table has: refused where they can be looked at for next to nothing.

That is outside of tracing, in arrays that lie in the host's memory. Inside a compiled function the
backends take a table's last row, a row of NaN, or the memory beside it.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.errors import InputError
from playmask.model.architecture import Architecture

WHOLE = ("tokens", "target_tokens", "segments", "tasks", "positions", "target_positions", "read")
"""The inputs that choose rows of a table, or sites."""


class Range(NamedTuple):
    """What whole numbers may be, from the least up to below `end`, and what they number."""

    least: int
    end: int
    of: str


def check_values(inputs: dict[str, Any], a: Architecture) -> None:
    """Refuse numbers of rows that are not there, and numbers that are not whole."""
    for name in WHOLE:
        if inputs.get(name) is None:
            continue
        values = _on_host(inputs[name])
        if values is None or not values.size:
            continue
        if values.dtype.kind not in "iub":
            raise InputError(f"{name} are whole numbers, as int32; received {values.dtype}.")
        allowed = _range(name, inputs, a)
        if allowed is not None and (values.min() < allowed.least or values.max() >= allowed.end):
            raise InputError(_sentence(name, values, allowed))


def _range(name: str, inputs: dict[str, Any], a: Architecture) -> Range | None:
    """What the numbers of an input may be; None where any will do."""
    if name in ("tokens", "target_tokens"):
        return Range(-1 if a.query_vector else 0, a.vocabulary, "ids of the vocabulary")
    if name == "segments":
        rows = a.vocabulary if a.segments == "tokens" else int(a.segments)
        return Range(0, rows, "rows of the segment table") if rows > 1 else None
    if name == "tasks":
        return Range(0, a.tasks, "rows of the task table") if a.tasks else None
    if name == "read":
        texts = inputs.get("target_tokens", inputs.get("tokens", inputs.get("vectors")))
        return None if texts is None else Range(0, int(texts.shape[1]), "sites of the text")
    own = a if name == "positions" or a.decoder is None else a.decoding
    if own.limit is None:
        return None
    return Range(-int(getattr(own.numbering, "offset", 0)), own.limit, "positions")


def _sentence(name: str, values: npt.NDArray[Any], allowed: Range) -> str:
    wrong = np.argwhere((values < allowed.least) | (values >= allowed.end))[0]
    place = ", ".join(map(str, wrong))
    return (
        f"{name}[{place}] is {values[tuple(wrong)]}, but the {allowed.of} are {allowed.least} to "
        f"{allowed.end - 1}."
    )


def _on_host(x: Any) -> npt.NDArray[Any] | None:
    """An array's values where they are there to be looked at; None for others, and for tracers."""
    if isinstance(x, np.ndarray):
        return x
    kind = type(x).__name__
    if kind == "ArrayImpl":  # JAX's, which is no tracer
        here = all(device.platform == "cpu" for device in x.devices())
        return np.asarray(x) if here else None
    if kind in ("Tensor", "EagerTensor") and hasattr(x, "numpy"):
        return _of_tensor(x)
    return None


def _of_tensor(x: Any) -> npt.NDArray[Any] | None:
    """The values of a tensor of PyTorch or TensorFlow, where it lies on the CPU."""
    device = getattr(x.device, "type", x.device)  # "cpu", or "/job:…/device:CPU:0"
    if not str(device).upper().endswith(("CPU", "CPU:0")):
        return None
    try:
        return np.asarray(x.detach().numpy() if hasattr(x, "detach") else x.numpy())
    except (RuntimeError, TypeError, NotImplementedError, AttributeError):  # one that is traced
        return None
