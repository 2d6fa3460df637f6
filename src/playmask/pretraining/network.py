"""The network that learns from packed rows: a Transformer in which texts do not see each other."""

from typing import Any

from keras import ops

from playmask.errors import ConfigError
from playmask.model.architecture import Architecture
from playmask.model.inputs import Inputs
from playmask.model.masks import SameText, Sites, Tensor
from playmask.tasks.network import TaskNetwork

FIRSTS = "firsts"  # (B, P): where the texts of a row begin whose vectors are read


def check_packs(architecture: Architecture, max_length: int) -> None:
    """See that rows of several texts can be packed for an architecture.

    Raises: ConfigError
    """
    a = architecture
    if a.decoder is not None:
        raise ConfigError(
            "Pretraining packs texts for one stack; this model has a decoder. Load its encoder "
            "alone (decoder=None), or train it by Seq2Seq."
        )
    if a.condition is not None:
        raise ConfigError("The norms of this model depend on a condition, which no document has.")
    whole = next((part for part in a.content if part.orders is not None), None)
    if whole is not None:
        raise ConfigError(f"{whole!r} mixes a whole row, in which several texts are packed.")
    if a.limit is not None and max_length > a.limit:
        raise ConfigError(f"max_length is {max_length}, but the model has {a.limit} positions.")


def numbered(inputs: Inputs, a: Architecture) -> Inputs:
    """The positions of tokens in their texts, as the architecture numbers its sites."""
    positions = inputs["positions"]
    if a.numbering is not None:
        row = a.numbering.number(ops.ones_like(positions[:1], dtype="bool"))
        positions = ops.take(ops.cast(row[0], "int32"), positions, axis=0)
    return {**inputs, "positions": positions}


def apart(inputs: Inputs) -> Inputs:
    """Restrict whatever mask a model has to each text of its own: `SameText`."""
    texts = ops.cast(inputs["texts"], "int32")
    sites = Sites(ops.zeros_like(texts), texts, texts)
    return {**inputs, "allowed": SameText()(sites, sites)}


class PackedNetwork(TaskNetwork):
    """A Transformer that reads packed rows, of which the logits of tokens are taken.

    Shapes: inputs tokens, texts, positions, valid (B, T), read (B, R) and others of a Transformer;
            firsts (B, P), perhaps -> {"logits": (B, R, vocabulary), "nsp": (B, P, 2)}
    layers: further ones, by the names of the attributes they become
    """

    def __init__(self, transformer: Any, **layers: Any) -> None:
        super().__init__(transformer)
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.build(None)

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the tokens."""
        own = {name: x for name, x in inputs.items() if name != FIRSTS}
        outputs = self.transformer(self.packed(own), training=training)
        result = {"logits": outputs["logits"]}
        if FIRSTS in inputs:
            result["nsp"] = self._sentences(outputs["hidden"], inputs[FIRSTS])
        return result

    def packed(self, inputs: Inputs) -> Inputs:
        """The Transformer's inputs."""
        return apart(numbered(inputs, self.transformer.architecture))

    def _sentences(self, hidden: Tensor, firsts: Tensor) -> Tensor:
        """What the model's own heads say of texts that begin at some places."""
        heads = self.transformer.heads
        places = ops.expand_dims(ops.cast(firsts, "int32"), -1)
        vectors = ops.take_along_axis(hidden, places, axis=1)
        count = ops.shape(firsts)[1]
        flat = ops.reshape(vectors, (-1, 1, self.transformer.architecture.width))
        return ops.reshape(heads["nsp"](heads["pool"](flat)), (-1, count, 2))
