"""What runs padded batches, and what a further shape costs it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from playmask.runtime.access import Weights
from playmask.runtime.planning import BATCH_TOKENS
from playmask.runtime.row_inputs import Bounds
from playmask.runtime.threads import usable_cores

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
CORE_TOKENS = 512  # of a batch, a core: with more, activations leave its cache
Run = Callable[[dict[str, Array]], Arrays]
"""Inputs of a batch, (B, …) by name, to its outputs, (B, …) by name."""


class Engine:
    """Runs a function of arrays on padded batches, such as a session of ONNX Runtime's.

    It compiles nothing, so each batch is padded to its longest row; one batch runs at a time, with
    all cores of whatever runs it.

    tokens: of a batch that it runs best, padding included
    run: what computes outputs from inputs; limits: what the integers of each input stay below
    """

    price: float = 0.0  # of one more shape, in the tokens that are computed meanwhile
    at_once: int = 1  # batches that run at once
    weights: tuple[Weights, ...] = ()  # what a call reads, in one state of theirs

    def __init__(self, run: Run, limits: Mapping[str, int] | None = None) -> None:
        self.run = run
        self.tokens = min(BATCH_TOKENS, CORE_TOKENS * usable_cores())
        self.bounds = Bounds.of(None, limits or {})

    @property
    def traces(self) -> int:
        """How many shapes were compiled so far."""
        return 0

    def __call__(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Run one batch; numbers that are none go through, for the predictor to refuse."""
        with np.errstate(invalid="ignore"):
            return {name: np.asarray(value) for name, value in self.run(inputs).items()}

    def check(self, inputs: dict[str, Array]) -> None:
        """Refuse inputs of a batch that do not go together; here none."""
