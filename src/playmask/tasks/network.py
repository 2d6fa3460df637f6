"""What a task's network is, what it learns from, and the model it is put on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy.typing as npt

from playmask.checkpoints.tokenizer_beside import why_no_tokenizer
from playmask.errors import ConfigError, InputError
from playmask.model.architecture import Architecture
from playmask.model.keras_files import WholeFiles
from playmask.model.transformer import PREDICT, Transformer
from playmask.onnx.tracing import TensorInfo
from playmask.runtime.batches import Row
from playmask.runtime.train.hooks import OpenStep
from playmask.tokenizers import Tokenizer


class TaskNetwork(WholeFiles, OpenStep):
    """A Transformer with what a task puts on it; weights of the task's own are "task/…".

    further_inputs: what its exported graph takes besides those of a Transformer; shortest: how
    many tokens a row has at least
    """

    shortest = 1
    generates = False  # whether it writes token by token, so that its graph has a cache

    further_inputs: ClassVar[Mapping[str, TensorInfo]] = {}

    def __init__(self, transformer: Transformer) -> None:
        super().__init__(name="task")
        self.transformer = transformer

    def build(self, shape: Any = None) -> None:
        """Create the task's own weights, where it has any."""

    def exported(self, inputs: dict[str, Any]) -> Mapping[str, Any]:
        """What an exported network returns: the scores that answers are read from."""
        scores: Mapping[str, Any] = self(inputs, training=False)
        return scores

    def predict(self, *arguments: Any, **options: Any) -> Any:
        """Refused, as a Transformer's."""
        raise InputError(PREDICT)


class Encoded(NamedTuple):
    """The network's inputs for some examples, and what it should answer to each: the targets.

    examples: the number of the example that each row is of; None = each has one row
    """

    rows: Sequence[Row]
    targets: npt.NDArray[Any]
    examples: Sequence[int] | None = None


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
