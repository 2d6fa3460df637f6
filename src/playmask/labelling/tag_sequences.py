"""A tagger in a functional model: its loss for `compile`, and the layer that reads the tags off."""

from typing import Any, Self

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.labelling.divergences import SOFTMAX, Divergence
from playmask.labelling.losses import MEAN, serializable
from playmask.labelling.taggers import Shape, Tagger
from playmask.model.masks import Tensor

Config = dict[str, Any]


@serializable
class TagCrossentropy(keras.losses.Loss):
    """Negative log-likelihood of tag sequences by a tagger, as a loss for `compile`.

    tagger: the layer that the logits went through, a `ConditionalRandomField` for example. A saved
    model is loaded with compile=False, and compiled with the loss of its own tagger.

    Shapes:  y_true int (B, T), -1 for padding, which stands at the end; y_pred (B, T, L) logits
    Units:   nats a token of each text, the mean over the texts of a batch
    Raises:  ConfigError where Keras would load it apart from its tagger
    Source:  Lafferty et al. 2001, of a CRF

    Example:
        >>> crf = playmask.ConditionalRandomField(3)
        >>> logits = crf(np.zeros((1, 3, 3), "float32"))
        >>> playmask.TagCrossentropy(crf)(np.array([[0, 2, -1]]), logits).shape
        ()

    """

    def __init__(
        self,
        tagger: Tagger,
        reduction: str | None = MEAN,
        name: str = "tag_crossentropy",
        **options: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **options)
        self.tagger = tagger

    @property
    def divergence(self) -> Divergence:
        """Nats a token between the tagger's distributions over sequences."""

        def kl(p: Tensor, q: Tensor, valid: Tensor) -> Tensor:
            nats = self.tagger.divergence(p, q, valid)
            return nats / ops.maximum(ops.sum(ops.cast(valid, nats.dtype), axis=1), 1.0)

        # a temperature would have to divide the scores of transitions too
        return SOFTMAX._replace(kl=kl, logits=False)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats a token, of each text: (B,)."""
        tags = ops.cast(y_true, "int32")
        valid = tags >= 0
        nats = self.tagger.loss(y_pred, ops.maximum(tags, 0), valid)
        return nats / ops.cast(ops.maximum(ops.sum(ops.cast(valid, "int32"), 1), 1), nats.dtype)

    def get_config(self) -> Config:
        """Return what the loss is, its tagger by name."""
        return {**super().get_config(), "tagger": self.tagger.name}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Refuse: Keras loads losses apart from layers, so the tagger would be another one."""
        name = config["tagger"]
        raise ConfigError(
            f"A loss by the tagger {name!r} is not loaded with its model: load the model with "
            f"compile=False, then compile it with TagCrossentropy(model.get_layer({name!r}))."
        )


@serializable
class ViterbiDecoder(keras.layers.Layer):
    """Viterbi decoding as a layer: the best tag sequence by a tagger.

    tagger: the layer that the logits went through. There are no weights but its own, so that a
    second model, `keras.Model(inputs, tags)`, predicts with what the first has learnt.

    Shapes:  logits (B, T, L); valid bool (B, T), padding only at the end -> int32 (B, T), -1 for
             padding
    Source:  Viterbi 1967

    Example:
        >>> decoder = playmask.ViterbiDecoder(playmask.ConditionalRandomField(3))
        >>> tags = decoder(np.zeros((1, 4, 3), "float32"), np.array([[True, True, True, False]]))
        >>> tags.shape, int(tags[0, 3])
        ((1, 4), -1)

    """

    def __init__(self, tagger: Tagger, **options: Any) -> None:
        super().__init__(**options)
        self.tagger = tagger

    def build(self, shape: Shape) -> None:
        """Create the tagger's weights where that was not done yet."""
        if not self.tagger.built:
            self.tagger.build(shape)

    def call(self, logits: Tensor, valid: Tensor) -> Tensor:
        """Find the best tags."""
        return ops.where(valid, self.tagger.decode(logits, valid).tags, -1)

    def compute_output_spec(self, logits: Tensor, valid: Tensor) -> keras.KerasTensor:
        """Return the shape and type of the tags."""
        return keras.KerasTensor(logits.shape[:-1], dtype="int32")

    def get_config(self) -> Config:
        """Return what makes an equal layer."""
        return {
            **super().get_config(),
            "tagger": keras.saving.serialize_keras_object(self.tagger),
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make the layer, of the tagger of the model that is being loaded."""
        tagger = keras.saving.deserialize_keras_object(config["tagger"])
        return cls(**{**config, "tagger": tagger})
