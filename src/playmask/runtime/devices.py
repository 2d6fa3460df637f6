"""Several devices: data parallel, and model parallel by a layout table."""

from collections.abc import Iterable
from math import lcm
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt

from playmask.errors import ConfigError
from playmask.model.layout import TENSOR_PARALLEL, Layout, axis_of
from playmask.runtime.peer_processes import connect
from playmask.runtime.peer_processes import processes as process_count

DATA, MODEL = "batch", "model"  # the axes of the mesh


def on_jax_cpu() -> bool:
    """Whether JAX computes here, and on the processor."""
    if keras.backend.backend() != "jax":
        return False
    import jax

    return bool(jax.default_backend() == "cpu")


class TensorParallel(keras.distribution.ModelParallel):
    """Keras' model parallelism by a table of axes; a weight they do not divide is whole everywhere.

    layout: regular expressions of the ends of paths, and the axis that is split
    """

    def __init__(self, mesh: keras.distribution.DeviceMesh, layout: Layout) -> None:
        layouts = keras.distribution.LayoutMap(mesh)
        super().__init__(layout_map=layouts, batch_dim_name=DATA, auto_shard_dataset=False)
        self.layout, self.parts = layout, mesh.shape[1]

    def get_variable_layout(self, variable: Any) -> Any:
        """Where a variable lies: split by its axis of the table, or whole on each device."""
        if getattr(variable, "_layout", None) is not None:
            return variable._layout
        spec: list[str | None] = [None] * len(variable.shape)
        axis = axis_of(variable.path, variable.shape, self.layout, self.parts)
        if axis is not None:
            spec[axis] = MODEL
        return keras.distribution.TensorLayout(spec, self.device_mesh)

    def get_tensor_layout(self, path: str) -> None:
        """None: what lies between layers is laid out by the compiler."""

    def check(self, paths: Iterable[str]) -> None:
        """See that each pattern of a table of one's own is the end of some weight's path."""
        paths = [*paths]
        for pattern, axis in self.layout.items():
            if not any(axis_of(path, (0, 0), {pattern: axis}, 1) is not None for path in paths):
                known = ", ".join(sorted(paths)[:3])
                raise ConfigError(
                    f"layout: {pattern!r} is the end of no weight's path; they are {known}, …"
                )


def distribute(
    devices: int | Literal["all"] | None = "all",
    *,
    model_parallel: int = 1,
    layout: Layout | None = None,
    coordinator: str | None = None,
    processes: int | None = None,
    process_id: int | None = None,
) -> Any:
    """Spread what is made from now on over several devices; batches are split between them.

    Data parallel: each device holds the whole model and learns from its part of a batch. Model
    parallel: so many devices together hold one model, whose large weights are split between them.
    Models and tasks must be made afterwards. JAX alone; on one CPU, environment variable
    XLA_FLAGS=--xla_force_host_platform_device_count=4 makes four devices, to try it.
    devices: how many, the first ones; None ends it. model_parallel: how many hold one model;
    layout: another table than Megatron's: the end of weights' paths and the axis that is split
    coordinator: HOST:PORT where several processes meet, each on devices of its own, before anything
    else: how many `processes` there are, and which `process_id` this is; or "auto" in a cluster of
    Slurm's, Open MPI's or Kubernetes'. Each learns from its rows of a batch, the first one writes.
    Returns: Keras' distribution, whose `scope()` is an alternative to setting it for good
    Raises:  ConfigError, ProcessError
    Source:  Shoeybi et al. 2019 (Megatron-LM)

    Example:
        >>> distribution = playmask.distribute(1)
        >>> spread = playmask.load(path)
        >>> playmask.distribute(None)  # what is made afterwards is on one device again

    """
    if devices is None:
        keras.distribution.set_distribution(None)
        return None
    if keras.backend.backend() != "jax":
        raise ConfigError(f"Several devices need JAX; this is {keras.backend.backend()}.")
    if coordinator is not None:
        connect(coordinator, processes, process_id)
    names = keras.distribution.list_devices()
    count = len(names) if devices == "all" else devices
    if not 1 <= count <= len(names):
        raise ConfigError(f"devices={count}: JAX has {len(names)} here, {', '.join(names[:8])}.")
    if model_parallel < 1 or count % model_parallel:
        raise ConfigError(
            f"model_parallel={model_parallel} does not divide {count} devices into equal groups."
        )
    if process_count() > 1:
        _check_processes(count, len(names), model_parallel)
    distribution = _spread_over(np.array(names[:count]), model_parallel, layout)
    keras.distribution.set_distribution(distribution)
    return distribution


def _check_processes(count: int, there: int, model_parallel: int) -> None:
    """See that each process hands over whole rows of the mesh, or shares one with others."""
    own = there // process_count()
    if count < there:
        raise ConfigError("Several processes train on all their devices; leave out devices.")
    if model_parallel % own and own % model_parallel:
        raise ConfigError(
            f"model_parallel={model_parallel}: a process has {own} devices, so that one model is "
            "held by a part of them that divides them, or by all those of several processes."
        )


def _spread_over(names: npt.NDArray[np.str_], model_parallel: int, layout: Layout | None) -> Any:
    if model_parallel == 1:
        if layout is not None:
            raise ConfigError("layout splits weights between devices; give model_parallel too.")
        mesh = keras.distribution.DeviceMesh(names.shape, [DATA], names)
        return keras.distribution.DataParallel(device_mesh=mesh, auto_shard_dataset=False)
    shape = (len(names) // model_parallel, model_parallel)
    mesh = keras.distribution.DeviceMesh(shape, [DATA, MODEL], names)
    return TensorParallel(mesh, TENSOR_PARALLEL if layout is None else layout)


def data_parallel() -> int:
    """Into how many equal parts a batch is split: its rows are a multiple of it."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.num_model_replicas)


def rows_for_devices(rows: int, together: int = 1) -> int:
    """The least size of a batch, of so many rows at least, that devices share out equally.

    together: rows that are not put apart, as those of a pair
    """
    unit = lcm(data_parallel(), together)
    return -(-rows // unit) * unit


def check_layout(network: keras.Model) -> None:
    """See that the layout of model parallelism, if there is one, names weights of a network.

    Raises: ConfigError for a pattern of one's own that matches none
    """
    distribution = keras.distribution.distribution()
    if isinstance(distribution, TensorParallel) and distribution.layout is not TENSOR_PARALLEL:
        distribution.check(weight.path for weight in network.weights)
