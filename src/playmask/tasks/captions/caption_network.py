"""A text generator whose norms, or blocks, are conditioned by the features of an image."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from playmask.errors import ConfigError
from playmask.generation.facts import check
from playmask.model.masks import Tensor
from playmask.model.parts import ContextAttention
from playmask.model.transformer import Transformer
from playmask.runtime.compiled import Compiled
from playmask.runtime.padding import bucket
from playmask.tasks.captions.image_networks import rebuilt
from playmask.tasks.captions.settings import AT_ONCE, FEATURES, PIXELS, CaptionSettings
from playmask.tasks.network import TaskNetwork

SIZES = (1, 8, AT_ONCE)  # of groups of images, so that few are compiled

Array = npt.NDArray[Any]


class CaptionNetwork(TaskNetwork):
    """A Transformer's logits of tokens, on the condition of an image.

    With features f of an image, (E, C) for the E places of a grid, the norms depend on the mean of
    f, and attention looks at f + p, where p is a learnt vector of each place.
    Shapes: inputs as a Transformer's, and an image as PIXELS or FEATURES -> {"logits": (B, T, V)}
    Source: Su 2019 (kexue 7124), conditional layer normalisation; Xu et al. 2015, attention to a
    grid
    """

    def __init__(self, transformer: Transformer, settings: CaptionSettings) -> None:
        super().__init__(transformer)
        self.settings = settings
        self.build()
        # Of all weights that there are by now: others would be constants of what is compiled.
        self._features = Compiled(self, lambda pixels: {FEATURES: self.features_of(pixels)})
        self._conditions = Compiled(
            self, lambda pixels: self.conditions_of(self.features_of(pixels))
        )

    def build(self, shape: Any = None) -> None:
        """Create the image network, and the vectors of its places."""
        assert self.settings.image_network is not None
        with keras.name_scope("image"):
            self.image = rebuilt(self.settings.image_network)
        if self.settings.frozen:
            self.image.trainable = False
        places = int(np.prod(self.image.output_shape[1:-1]))
        if self.settings.attends:
            self.places = self.add_weight(
                name="places", shape=(places, self.settings.features), initializer="random_normal"
            )
        self.built = True

    @property
    def text_model(self) -> Transformer:
        """What writes."""
        transformer: Transformer = self.transformer
        return transformer

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the tokens."""
        text = {name: x for name, x in inputs.items() if name not in (PIXELS, FEATURES)}
        features = inputs.get(FEATURES)
        if features is None:
            features = self.features_of(inputs[PIXELS], training)
        text |= self.conditions_of(features)
        return {"logits": self.transformer(text, training=training)["logits"]}

    def features_of(self, pixels: Tensor, training: bool = False) -> Tensor:
        """What is read of images: (B, E, C), or the mean (B, C) where norms alone depend on it."""
        features = self.image(ops.cast(pixels, "float32"), training=training)
        if len(features.shape) == 4:
            features = ops.reshape(features, (-1, *self._places_and_features()))
        return features if self.settings.attends else _mean(features)

    def _places_and_features(self) -> tuple[int, int]:
        shape = self.image.output_shape
        return int(np.prod(shape[1:-1])), int(shape[-1])

    def conditions_of(self, features: Tensor) -> dict[str, Tensor]:
        """The Transformer's inputs that features become."""
        conditions = {}
        if self.settings.conditions:
            conditions["condition"] = _mean(features)
        if self.settings.attends:
            grid = features if len(features.shape) == 3 else ops.expand_dims(features, 1)
            conditions["context"] = grid + ops.cast(self.places, features.dtype)
        return conditions

    def features(self, pixels: Array) -> Array:
        """The features of at most AT_ONCE images, (B, E, C) or (B, C)."""
        return _run(self._features, pixels)[FEATURES]

    def conditions(self, pixels: Array) -> dict[str, Array]:
        """The Transformer's inputs that at most AT_ONCE images become."""
        return _run(self._conditions, pixels)

    def exported(self, inputs: dict[str, Any]) -> Any:
        """Refused: what answers from images is not one graph yet."""
        raise ConfigError(
            "A captioner is not exported as ONNX: export its image network by Keras "
            "(task.network.image.export(…)) and its text model by "
            "playmask.export(task.transformer, …, cached=True)."
        )


def _run(function: Compiled, pixels: Array) -> dict[str, Array]:
    """What a compiled function makes of images, as arrays; their number is padded."""
    count = len(pixels)
    outputs = function(np.resize(pixels, (bucket(count, SIZES), *pixels.shape[1:])))
    return {name: ops.convert_to_numpy(x)[:count] for name, x in outputs.items()}


def caption_network(transformer: Transformer, settings: CaptionSettings) -> CaptionNetwork:
    """The network of a captioner.

    Raises: ConfigError for a Transformer that is no language model on such a condition
    """
    check(transformer)
    a = transformer.architecture
    if a.decoder is not None or a.order != "lm":
        raise ConfigError(
            f"A captioner's text model has no decoder and the order 'lm', not {a.order!r}; load "
            "with mask='lm'."
        )
    size = settings.features
    due = (size if settings.conditions else None, size if settings.attends else None)
    condition = None if a.condition is None else a.condition.size
    context = a.context.size if isinstance(a.context, ContextAttention) else None
    if (condition, context) != due or (context is None) != (a.context is None):
        needed = ["mask='lm'", "heads='mlm'"]
        needed += [f"condition_size={size}"] * settings.conditions
        needed += [f"context=playmask.ContextAttention({size})"] * settings.attends
        raise ConfigError(
            f"The image network has {size} features, and conditioning={settings.conditioning!r}; "
            f"load the text model with {', '.join(needed)}, or give its path."
        )
    return CaptionNetwork(transformer, settings)


def _mean(features: Tensor) -> Tensor:
    return ops.mean(features, axis=1) if len(features.shape) == 3 else features
