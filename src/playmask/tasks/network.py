"""What a task's network is, and the model it is put on."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from playmask.checkpoints.tokenizer_beside import why_no_tokenizer
from playmask.errors import ConfigError, InputError
from playmask.model.architecture import Architecture
from playmask.model.keras_files import WholeFiles
from playmask.model.transformer import PREDICT, Transformer
from playmask.onnx.signature import Inputs, by_token_of, inputs_of
from playmask.runtime.engine import Array
from playmask.runtime.network_engine import NetworkEngine
from playmask.runtime.train.hooks import OpenStep
from playmask.tasks.selection import WHOLE, Selection
from playmask.tokenizers import Tokenizer


class TaskNetwork(WholeFiles, OpenStep):
    """A Transformer with what a task puts on it; weights of the task's own are "task/…".

    further_inputs: what it takes besides the inputs of a Transformer; shortest: how many tokens a
    row has at least
    """

    shortest = 1
    generates = False  # whether it writes token by token, so that its graph has a cache

    further_inputs: ClassVar[Inputs] = {}

    def __init__(self, transformer: Transformer) -> None:
        super().__init__(name="task")
        self.transformer = transformer

    def build(self, shape: Any = None) -> None:
        """Create the task's own weights, where it has any."""

    @property
    def takes(self) -> dict[str, int]:
        """The inputs of a row, and what their integers stay below."""
        return by_token_of(self.graph_inputs)

    @property
    def graph_inputs(self) -> Inputs:
        """What its exported graph takes."""
        return inputs_of(self.transformer.architecture) | self.further_inputs

    @property
    def positions(self) -> int | None:
        """How many tokens a row may have; None: any number."""
        limit: int | None = self.transformer.architecture.limit
        return limit

    def constants(self) -> dict[str, Array]:
        """Numbers that answers are read with, besides the outputs; here none."""
        return {}

    def engine(self, limits: Mapping[str, int], selection: Selection = WHOLE) -> NetworkEngine:
        """What runs batches of it, and keeps what a selection says."""
        on_device = selection.on_device
        return NetworkEngine(self, on_device and on_device(self), limits)

    def exported(self, inputs: dict[str, Any]) -> Mapping[str, Any]:
        """What an exported network returns: the scores that answers are read from."""
        scores: Mapping[str, Any] = self(inputs, training=False)
        return scores

    def predict(self, *arguments: Any, **options: Any) -> Any:
        """Refused, as a Transformer's."""
        raise InputError(PREDICT)


def open_model(
    model: Transformer | str | Path,
    tokenizer: Tokenizer | None,
    load: Callable[[Any], Transformer],
) -> tuple[Transformer, Tokenizer]:
    """A Transformer and its tokenizer, from a model, or from the path of one by `load`."""
    if not isinstance(model, Transformer):
        model = load(model)
    tokenizer = tokenizer or model.tokenizer
    if tokenizer is None:
        raise ConfigError(f"The model has no tokenizer ({why_no_tokenizer(model)}); pass one.")
    check_tokenizer(tokenizer, model.architecture)
    return model, tokenizer


def check_tokenizer(tokenizer: Tokenizer, architecture: Architecture) -> None:
    """See that a tokenizer has no more tokens than a model; raises ConfigError."""
    if len(tokenizer) > architecture.vocabulary:
        raise ConfigError(
            f"The tokenizer has {len(tokenizer)} tokens, the model only "
            f"{architecture.vocabulary}; they do not belong together."
        )
