"""The largest batch whose training step fits into so much memory."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from playmask.errors import ConfigError
from playmask.runtime.compiled import for_backend
from playmask.runtime.devices import on_jax_cpu
from playmask.runtime.padding import Batch
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.state_files import state_of

SMALL, LARGE = 2, 8  # batch sizes between which a step's memory is taken to be a straight line


def further_savings(options: TrainingOptions) -> list[str]:
    """What else a step of a training takes less memory by, on this backend and device.

    In half precision activations are half as large, but on JAX's CPU a step takes 0.9 (bfloat16)
    or 1.1 times (float16) the memory of one in float32, the blocks anew 0.5 times.
    """
    halves = options.precision == "float32" and not on_jax_cpu()
    savings = {"rematerialize=True": not options.rematerialize, "precision='bfloat16'": halves}
    return [saving for saving, applies in savings.items() if applies]


def largest_batch_size(
    cost: Callable[[int], int], limit: int, most: int, savings: Sequence[str] = ()
) -> int:
    """The largest batch size up to `most` at which a step takes `limit` bytes at most.

    Memory is measured at two sizes and where the line through them meets the limit; above 8, sizes
    are multiples of 8.
    cost: the bytes of a step by batch size; savings: what else may be said where none fits
    Raises: ConfigError where not one text fits
    """
    small, large = cost(SMALL), cost(LARGE)
    slope = max((large - small) / (LARGE - SMALL), 1.0)
    size = _rounded(min(most, int(SMALL + (limit - small) / slope)))
    while size > 1 and cost(size) > limit:
        size = _rounded(size * 7 // 8 if size > LARGE else size - 1)
    if size <= 1 and cost(1) > limit:
        further = "".join(f", {saving}" for saving in savings)
        raise ConfigError(
            f"A step with one text takes {cost(1):,} bytes, more than the memory of {limit:,}. "
            f"Give more, or one of these: a smaller max_length{further}."
        )
    return size


def _rounded(size: int) -> int:
    return size - size % 8 if size > 8 else max(size, 1)


def resized(batch: Batch, size: int) -> Batch:
    """A batch of so many texts, of copies of one."""

    def repeated(array: Any) -> Any:
        return np.repeat(array[:1], size, axis=0)

    copies: Batch = keras.tree.map_structure(repeated, batch)
    return copies


def step_bytes(network: keras.Model, batch: Batch) -> int:
    """The memory that a training step of a compiled network takes with a batch, in bytes.

    On JAX what the compiled step needs, weights included, and nothing runs; elsewhere the peak of a
    step that is tried: of the device, or of this process.
    """
    network._symbolic_build(data_batch=batch)
    return for_backend(_MEASURES)(network, batch)


def _compiled(network: Any, batch: Batch) -> int:
    import jax

    kinds = "trainable", "non_trainable", "optimizer", "metrics"
    state = network._get_jax_state(**{f"{kind}_variables": True for kind in kinds})
    kind: Any = jax.ShapeDtypeStruct
    shapes = jax.tree.map(lambda x: kind(x.shape, x.dtype), (state, batch))
    step = jax.jit(network.train_step, donate_argnums=0)
    sizes: Any = step.lower(*shapes).compile().memory_analysis()
    return int(
        sizes.argument_size_in_bytes
        + sizes.output_size_in_bytes
        + sizes.temp_size_in_bytes
        - sizes.alias_size_in_bytes
    )


def _tried_torch(network: keras.Model, batch: Batch) -> int:
    import torch

    if not torch.cuda.is_available():
        return _tried(network, batch, _reset_resident, _peak_resident)
    return _tried(
        network, batch, torch.cuda.reset_peak_memory_stats, torch.cuda.max_memory_allocated
    )


def _tried_tensorflow(network: keras.Model, batch: Batch) -> int:
    import tensorflow

    if not tensorflow.config.list_physical_devices("GPU"):
        return _tried(network, batch, _reset_resident, _peak_resident)
    memory = tensorflow.config.experimental
    return _tried(
        network,
        batch,
        lambda: memory.reset_memory_stats("GPU:0"),
        lambda: int(memory.get_memory_info("GPU:0")["peak"]),
    )


_MEASURES = {"jax": _compiled, "torch": _tried_torch, "tensorflow": _tried_tensorflow}


def _tried(
    network: keras.Model, batch: Batch, reset: Callable[[], Any], peak: Callable[[], int]
) -> int:
    """The peak of a step, which leaves nothing behind."""
    variables = [*state_of(network), *network.metrics_variables]
    before = [np.array(keras.ops.convert_to_numpy(v.value)) for v in variables]
    reset()
    try:
        network.train_on_batch(*batch)
        return peak()
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def _reset_resident() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    except OSError as error:
        raise ConfigError(
            "The memory of a step can be measured on JAX, on a GPU, and on Linux; give batch_size "
            "in place of memory."
        ) from error


def _peak_resident() -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
