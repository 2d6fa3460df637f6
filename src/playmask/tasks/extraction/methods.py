"""Tasks that find the same thing in several ways: a way is a network and what goes with it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np

from playmask.errors import ConfigError, nearest
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Batch
from playmask.runtime.predictor import Predictor
from playmask.tasks.extraction.window_task import WindowTask
from playmask.tasks.windows import Outputs, Window
from playmask.tokenizers import Tokenizer


class Way(ABC):
    """How a task finds what it finds: its network, its losses, what it asks, how it is read."""

    losses: ClassVar[Mapping[str, keras.losses.Loss]]

    def __init__(self, task: Any) -> None:
        self.task = task

    @staticmethod
    @abstractmethod
    def network(transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """Build the network around a Transformer."""

    @property
    def function(self) -> Any:
        """What prediction runs: the network's best candidates."""
        return self.task.network.candidates

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Give the network its losses."""
        jit = keras.backend.backend() == "jax"
        self.task.network.compile(optimizer, loss=dict(self.losses), jit_compile=jit)

    @abstractmethod
    def ask(self, batch: Batch, random: np.random.Generator) -> Batch:
        """What the network should answer to a batch."""

    @abstractmethod
    def found(self, windows: Sequence[Window], outputs: Outputs) -> Iterable[Any]:
        """What the outputs say, with the numbers of the texts."""


class WayTask(WindowTask):
    """A task with a table of ways; the setting "way" names the one that is taken."""

    ways: ClassVar[Mapping[str, type[Way]]]

    @classmethod
    def settle(
        cls,
        model: Transformer | str | Path,
        labels: Sequence[str],
        tokenizer: Tokenizer | None,
        settings: Mapping[str, Any],
    ) -> Self:
        """Make the task for a model, or the checkpoint at a path."""
        if settings["way"] not in cls.ways:
            raise ConfigError(
                f"There is no way {settings['way']!r}.{nearest(settings['way'], cls.ways)}"
            )
        return super().settle(model, labels, tokenizer, settings)

    @classmethod
    def make_network(cls, transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """Build the network around a Transformer."""
        return cls.ways[settings["way"]].network(transformer, settings)

    @cached_property
    def way(self) -> Any:
        """How things are learnt and found."""
        return self.ways[self.settings["way"]](self)

    def make_predictor(self, function: Any = None) -> Predictor:
        """What answers as the way needs it."""
        return super().make_predictor(function or self.way.function)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Give the network the losses of its way."""
        self.way.compile(optimizer)

    def ask(self, batch: Batch, random: np.random.Generator) -> Batch:
        """What the way asks of the network."""
        return self.way.ask(batch, random)
