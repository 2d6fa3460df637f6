"""Image networks: functional models of Keras from pixels to features, by name, file or value.

Pixels are RGB from 0 to 255, as Keras reads images; what else a network wants is its first layer.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np

from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.tasks.captions.settings import FUNCTIONAL, SMALL, CaptionSettings

SIDE, IMAGENET = 64, 224  # pixels, where nobody says how many


def chosen(values: tuple[Any, ...], fields: dict[str, Any]) -> tuple[CaptionSettings, keras.Model]:
    """The settings of a captioner and its image network, of what `ImageCaptioner.new` takes."""
    first, *others = values or (fields.pop("image_model", SMALL),)
    if isinstance(first, CaptionSettings):
        settings, first = first.change(**fields), first.image_model
    else:
        name = FUNCTIONAL if isinstance(first, keras.Model) else str(first)
        settings = CaptionSettings.of(name, *others, **fields)
    network = first
    if not isinstance(first, keras.Model):
        network = named(settings, weights="imagenet")
    return with_network(settings, network), network


def named(settings: CaptionSettings, *, weights: str | None = None) -> keras.Model:
    """The image network that settings name; weights: of one of keras.applications.

    Raises: ConfigError for a name of none, CheckpointError for a file that is none
    """
    name, size = settings.image_model, settings.image_size
    if name == SMALL:
        return small(size or SIDE)
    if name.endswith(".keras"):
        return _of_file(Path(name))
    return application(name, size or IMAGENET, weights)


def with_network(settings: CaptionSettings, network: keras.Model | None = None) -> CaptionSettings:
    """The settings with all that there is to say of their image network.

    network: that network, where it is there already
    Raises: ConfigError for one that cannot be kept as JSON, or gives no features of square images
    """
    if settings.image_network is not None:
        return settings
    if network is None:
        network = named(settings)
    size = _side(network)
    if settings.image_size not in (None, size):
        raise ConfigError(
            f"image_size is {settings.image_size}, but the image network takes {size} × {size}."
        )
    text = _written(network)
    return settings.change(image_size=size, image_network=text, features=network.output_shape[-1])


def rebuilt(text: str) -> keras.Model:
    """The network that JSON describes, with fresh weights; raises ConfigError for none."""
    try:
        return keras.models.model_from_json(text)
    except Exception as error:
        raise ConfigError(f"The image network cannot be made again ({error!s:.300}).") from error


def small(size: int) -> keras.Model:
    """Four convolutions, to be trained from nothing: (B, S, S, 3) -> (B, S/8, S/8, 128)."""
    pixels = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(pixels)
    for filters, strides in ((32, 2), (64, 2), (128, 2), (128, 1)):
        layer = keras.layers.Conv2D(filters, 3, strides, padding="same", activation="relu")
        x = layer(x)
    return keras.Model(pixels, x, name=SMALL)


def application(name: str, size: int, weights: str | None) -> keras.Model:
    """A network of keras.applications without its top, behind what makes pixels its inputs."""
    names = [each for each in dir(keras.applications) if each[0].isupper()]
    make = getattr(keras.applications, name, None) if name in names else None
    if make is None:
        raise ConfigError(
            f"There is no image_model {name!r:.60}; {SMALL}, a .keras file or one of "
            f"keras.applications is due.{nearest(name, names)}"
        )
    try:
        network = make(include_top=False, weights=weights, input_shape=(size, size, 3))
    except Exception as error:  # a size that is too small; a download that failed
        raise ConfigError(f"{name} cannot be had ({error!s:.300}).") from error
    prepare = sys.modules[make.__module__].preprocess_input
    pixels = keras.Input((size, size, 3))
    return keras.Model(pixels, network(_prepared(pixels, prepare)), name=name.lower())


def _prepared(pixels: Any, prepare: Any) -> Any:
    """Pixels as a network was trained on them, by a layer that computes the same affine map."""
    probes = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).astype("float32")
    offset, *channels = prepare(probes[:, None, None].copy()).reshape(4, 3)
    matrix = (np.stack(channels) - offset) / 255
    if np.array_equal(offset, np.zeros(3)) and np.allclose(matrix, np.eye(3)):
        return pixels
    layer = keras.layers.Conv2D(3, 1, name="pixels", trainable=False)
    x = layer(pixels)
    layer.set_weights([matrix[None, None], offset])
    return x


def _of_file(path: Path) -> keras.Model:
    if not path.is_file():
        raise CheckpointError(f"{path}: There is no such file.")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:
        raise CheckpointError(f"{path} is no model of Keras 3 ({error!s:.300}).") from error
    return model


def _side(network: keras.Model) -> int:
    """The side of the images that a network takes.

    Raises: ConfigError for one with other inputs, or with outputs that are no features
    """
    shapes = [tuple(each.shape) for each in (*network.inputs, *network.outputs)]
    first, last = shapes[0], shapes[-1]
    square = len(first) == 4 and first[1] == first[2] and first[1] and first[3] == 3
    fixed = 2 <= len(last) <= 4 and None not in last[1:]
    if len(shapes) != 2 or not square or not fixed:
        raise ConfigError(
            f"An image network takes (B, S, S, 3) of one size S and gives (B, C), (B, E, C) or "
            f"(B, H, W, C); {network.name} has the shapes {shapes!s:.200}."
        )
    return int(first[1])


def _written(network: keras.Model) -> str:
    """A network as JSON, from which it can be made again."""
    try:
        text: str = network.to_json()
        weights = rebuilt(text).weights
    except (ConfigError, TypeError, ValueError, NotImplementedError) as error:
        raise ConfigError(
            f"{network.name} cannot be kept with the task: an image network is a functional model "
            f"of Keras' own layers ({error!s:.200})."
        ) from error
    if [tuple(w.shape) for w in weights] != [tuple(w.shape) for w in network.weights]:
        raise ConfigError(f"{network.name} has other weights when it is made again from its JSON.")
    paths = Counter(weight.path for weight in weights)
    path, count = paths.most_common(1)[0] if paths else ("", 0)
    if count > 1:
        raise ConfigError(
            f"{network.name} has {count} weights called {path!r}, which are told apart by their "
            "names: give the layers of the networks inside it different names."
        )
    return text
