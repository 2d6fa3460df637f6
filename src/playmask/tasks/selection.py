"""What is kept of a network's outputs: where the network computes them, or behind an engine."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from playmask.runtime.engine import Array, Engine, Run
from playmask.runtime.predictor import Predictor
from playmask.tasks.settings import TaskSettings
from playmask.tokenizers import Tokenizer

Select = Callable[[Run, dict[str, Array]], Mapping[str, Array]]


def everything(run: Run, inputs: dict[str, Array]) -> Mapping[str, Array]:
    """All that the network says."""
    return run(inputs)


class Selection(NamedTuple):
    """What answers are read from, computed by the network, or from all that an engine says.

    on_device: the function of a network that computes it, so that tables of spans stay where they
    are (None: the network's outputs as they are); in_numpy: makes the same of what runs a batch,
    and the inputs of one
    """

    on_device: Callable[[Any], Callable[[dict[str, Any]], dict[str, Any]]] | None = None
    in_numpy: Select = everything


WHOLE = Selection()


class Network(Protocol):
    """What a task answers with: a network of Keras', or one that was exported.

    takes: the inputs of a row, and what their integers stay below; positions: how many tokens a row
    may have, None: any number; size: of the vectors, where it makes some
    """

    @property
    def takes(self) -> Mapping[str, int]:
        """The inputs of a row."""

    @property
    def positions(self) -> int | None:
        """How many tokens a row may have."""

    def constants(self) -> Mapping[str, npt.NDArray[Any]]:
        """Numbers that answers are read with, besides the outputs, such as a tagger's."""

    def engine(self, limits: Mapping[str, int], selection: Selection = WHOLE) -> Engine:
        """What runs batches of it, and keeps what a selection says."""


class Answering(Protocol):
    """A task, as far as it answers."""

    tokenizer: Tokenizer

    @property
    def network(self) -> Network:
        """What it answers with."""

    @property
    def settings(self) -> TaskSettings:
        """How long its rows may be."""


def predictor_of(task: Answering, selection: Selection, **options: Any) -> Predictor:
    """What runs a task's network on rows, and keeps what is selected; options of `Predictor`."""
    limits = {**task.network.takes, "tokens": len(task.tokenizer)}
    engine = task.network.engine(limits, selection)
    return Predictor(engine, maximum=task.settings.row_length, **options)
