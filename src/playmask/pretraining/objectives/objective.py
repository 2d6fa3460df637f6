"""What an objective of pretraining says of itself; all else is the same for all of them."""

from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import keras
import numpy as np

from playmask.errors import ConfigError
from playmask.model.architecture import Architecture
from playmask.model.transformer import Transformer
from playmask.pretraining.network import PackedNetwork, check_packs
from playmask.pretraining.packing import PackedBatches
from playmask.pretraining.settings import PretrainingSettings
from playmask.runtime.padding import Batch
from playmask.tasks.objective import Objective
from playmask.tasks.writing.token_network import token_objective
from playmask.tokenizers import Tokenizer
from playmask.tokenizers.encoding import Frame

S = TypeVar("S", bound=PretrainingSettings)


class PretrainingObjective(Generic[S]):
    """Makes batches of packed rows, for a network and by losses of its own.

    heads: those that a model needs, order: that of its mask; batches_class: what lays documents out
    in rows; words: the segmenter by which a corpus is cut into words
    Raises: ConfigError where the model or the tokenizer is not such as the objective needs
    """

    heads: ClassVar[tuple[str, ...]] = ("mlm",)
    order: ClassVar[str] = "full"
    batches_class: ClassVar[Any] = PackedBatches
    words: str | None = None

    def __init__(self, settings: S, tokenizer: Tokenizer, architecture: Architecture) -> None:
        self.settings, self.tokenizer, self.architecture = settings, tokenizer, architecture
        check_packs(architecture, settings.max_length)
        if architecture.order != self.order:
            raise ConfigError(
                f"{settings.objective} is learnt in the order {self.order!r}, the model has "
                f"{architecture.order!r}; load it with mask={self.order!r}."
            )

    @classmethod
    def needed_heads(cls, settings: Any) -> tuple[str, ...]:
        """The heads that a model is loaded, or built, with."""
        return cls.heads

    @classmethod
    def model_options(cls, settings: Any) -> dict[str, Any]:
        """What a model is loaded with: its heads, and its mask where it is not a reader's."""
        mask = {} if cls.order == "full" else {"mask": cls.order}
        return {"heads": cls.needed_heads(settings), **mask}

    @classmethod
    def settings_in(cls, settings: Any, directory: Path) -> Any:
        """Settings by which what was saved in a directory is opened."""
        return settings

    @property
    def frame(self) -> Frame:
        """The special tokens around each piece of a document."""
        head, _, end, _ = self.tokenizer.frame
        return Frame(head, (), end)

    @property
    def losses(self) -> Objective:
        """What is learnt by."""
        return token_objective()

    def build_network(self, model: Transformer) -> Any:
        """The network around a model."""
        return PackedNetwork(model)

    def prepare(self, rows: Any, random: np.random.Generator) -> Batch:
        """The batch of some rows; what is drawn comes from `random` alone."""
        raise NotImplementedError

    def models(self, network: keras.Model) -> dict[str, Transformer]:
        """What of a network is saved, by the folder inside, "" the one itself."""
        return {"": network.transformer}
