"""How fast graphs are beside those that stood in their files before."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from playmask.onnx.check import Lengths, drawn
from playmask.onnx.graph import MODEL
from playmask.onnx.signature import BATCH, LENGTH, PAST, TARGETS
from playmask.onnx.tracing import Program
from playmask.runtime.graph_runs import onnx_session

ROUNDS = 3
SIZES = {BATCH: 4, LENGTH: 128, TARGETS: 32, PAST: 0}
"""How often the time of a batch is taken, and its sizes, as far as rows may be so long."""


class Clock:
    """Takes the time of the graphs in a folder, as they are when it is made, and once more later.

    sizes: of the batch that runs
    Units: processor time of one thread, the least of a few rounds in which both take turns
    """

    def __init__(
        self, folder: Path, programs: Mapping[str, Program], lengths: Mapping[str, Lengths]
    ) -> None:
        random = np.random.default_rng(0)
        self.folder = folder
        self._inputs = {
            file: drawn(program.inputs, lengths[file].fit(SIZES), random)
            for file, program in programs.items()
        }
        self._before = self._sessions()
        names = {size for tensor in programs[MODEL].inputs.values() for size in tensor.sizes}
        self.sizes = {n: size for n, size in lengths[MODEL].fit(SIZES).items() if n in names}

    def speed(self) -> float:
        """How many times as fast the graphs are that stand there now."""
        sessions = self._sessions()
        rounds = [(self._seconds(self._before), self._seconds(sessions)) for _ in range(ROUNDS)]
        return min(before for before, _ in rounds) / min(now for _, now in rounds)

    def _sessions(self) -> dict[str, Any]:
        return {file: onnx_session(self.folder / file) for file in self._inputs}

    def _seconds(self, sessions: Mapping[str, Any]) -> float:
        start = time.process_time()
        for file, running in sessions.items():
            running.run(None, self._inputs[file])
        return time.process_time() - start
