"""How something is extracted: a network, its losses, what it learns, and how outputs are read."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from playmask.runtime.padding import Batch
from playmask.tasks.extraction.settings import ExtractionSettings
from playmask.tasks.loss_changes import Targets
from playmask.tasks.selection import Network, Selection
from playmask.tasks.windows import Outputs, Window

if TYPE_CHECKING:
    import keras

    from playmask.model.masks import Tensor
    from playmask.model.transformer import Transformer
    from playmask.tasks.network import TaskNetwork

E = TypeVar("E", bound=ExtractionSettings)


class Method(ABC, Generic[E]):
    """A way to extract; it knows its network and its settings, and no task.

    Its network and its losses are imported when they are asked for, since neither reads answers.

    scores_mentions: whether what it finds are mentions, each with a score that can be explained
    """

    scores_mentions: ClassVar[bool] = False
    selection: ClassVar[Selection]  # what `extract` reads: the best candidates, or all outputs
    kind: Targets = "other"  # what is learnt, by which options change the loss
    classes: Sequence[str] = ()  # what the logits stand for, where they are of classes

    def __init__(self, network: Network, settings: E) -> None:
        self.settings = settings
        self.network: Any = network
        self.labels = settings.labels
        self.index = {label: i for i, label in enumerate(self.labels)}

    @staticmethod
    @abstractmethod
    def build_network(transformer: "Transformer", settings: E) -> "TaskNetwork":
        """Build the network around a Transformer."""

    @property
    @abstractmethod
    def losses(self) -> "Mapping[str, keras.losses.Loss]":
        """The loss of each output."""

    @abstractmethod
    def targets(self, windows: Sequence[Window], examples: Sequence[Any]) -> npt.NDArray[Any]:
        """What is to be learnt in each window of some examples: (windows, …)."""

    @abstractmethod
    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """What the network should answer to a padded batch."""

    @abstractmethod
    def extract(self, windows: Sequence[Window], outputs: Outputs) -> Iterable[tuple[int, Any]]:
        """What the outputs of windows say, behind the numbers of the texts that it is in."""

    def mention_targets(self, label: str, first: int, last: int) -> tuple[Any, ...]:
        """What `mention_score` needs to know of a mention: its label, first and last token."""
        raise NotImplementedError

    def mention_score(self, outputs: "dict[str, Tensor]", *targets: "Tensor") -> "Tensor":
        """The log-odds of a mention, in nats: (B,)."""
        raise NotImplementedError
