"""Networks that were exported: run by another program, such as ONNX Runtime."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Never

import numpy as np

from playmask.errors import CheckpointError, ConfigError
from playmask.runtime.engine import Array, Engine, Run
from playmask.tasks.selection import WHOLE, Network, Selection

NETWORK = "network"
"""The key of task.json that says what is to be known of an exported network."""


class CannotLearnError(ConfigError, AttributeError):
    """A task whose network was exported is asked for what its network alone could do."""


class ExportedNetwork:
    """A network that another program runs: a task around it answers, and is measured.

    run: from a batch's inputs to the outputs of the network's call; takes, size, constants: as of a
    `Network`, size of its vectors
    """

    positions: int | None = None  # no further than the task's rows, which it was exported with

    def __init__(
        self,
        run: Run,
        takes: Mapping[str, int],
        *,
        size: int | None = None,
        constants: Mapping[str, Array] | None = None,
    ) -> None:
        self.run, self.takes, self._size = run, dict(takes), size
        self._constants = dict(constants or {})

    @property
    def size(self) -> int:
        """Of the vectors that it makes."""
        if self._size is None:
            raise ConfigError("The exported network makes no vectors.")
        return self._size

    def constants(self) -> Mapping[str, Array]:
        """Numbers that answers are read with, besides the outputs."""
        return self._constants

    def engine(self, limits: Mapping[str, int], selection: Selection = WHOLE) -> Engine:
        """What runs batches of it, and keeps what a selection says."""
        return Engine(partial(selection.in_numpy, self.run), limits)

    def __getattr__(self, name: str) -> Never:
        if name.startswith("_"):
            raise AttributeError(name)
        raise CannotLearnError(
            f"An exported network has no {name!r}: its task answers and is measured. What else a "
            "task does, the one does that was exported."
        )


def described(network: Network) -> dict[str, Any]:
    """What task.json says of a network that is exported, beside the task and its settings."""
    size = getattr(network, "size", None)
    return {
        "takes": dict(network.takes),
        **({} if size is None else {"size": int(size)}),
        "constants": {name: array.tolist() for name, array in network.constants().items()},
    }


def exported(run: Run, description: Any) -> ExportedNetwork:
    """The network that something runs, and that task.json describes.

    Raises: CheckpointError for a description that is none
    """
    try:
        takes = {str(name): int(limit) for name, limit in description["takes"].items()}
        size = description.get("size")
        constants = {
            name: np.array(values, "float32") for name, values in description["constants"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"task.json describes no exported network under {NETWORK!r}: {error!r:.80}"
        ) from None
    return ExportedNetwork(run, takes, size=size, constants=constants)
