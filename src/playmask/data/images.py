"""Images: read from files or arrays as RGB, and scaled to a square."""

import hashlib
import struct
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from playmask.data.gathering import BadExample

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
Array = npt.NDArray[Any]


class Pixels:
    """An image that came as an array: uint8 (H, W, 3), which its repr names by a hash."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __repr__(self) -> str:
        height, width = self.array.shape[:2]
        digest = hashlib.sha256(np.ascontiguousarray(self.array).tobytes()).hexdigest()
        return f"Pixels({width}×{height}, {digest[:16]})"


def is_image(value: Any) -> bool:
    """Whether a value stands for one image: a path, an array, an image of Pillow's."""
    return isinstance(value, (str, Path, Pixels, np.ndarray)) or hasattr(value, "getbands")


def image_of(value: Any) -> "str | Pixels":
    """An image as examples have it: the path of a file, which is not opened, or its pixels.

    Raises: BadExample for what is no image, and for a damaged one of Pillow's
    """
    if isinstance(value, (str, Path)):
        return str(value)
    if isinstance(value, Pixels):
        return value
    if hasattr(value, "getbands"):
        return Pixels(np.asarray(_opened(value)))
    shape, kind = getattr(value, "shape", None), str(getattr(value, "dtype", None))
    if not isinstance(value, np.ndarray) or kind != "uint8" or not _is_rgb(value.shape):
        came = f"{value!r:.60}" if shape is None else f"an array {shape} of {kind}"
        raise BadExample(
            f"The image is {came}; a path, Pillow's image, or uint8 (height, width, 3) is due."
        )
    return Pixels(value)


def readable(value: Any) -> "str | Pixels":
    """The same of an image that can be read: a file is opened once, and read to its end.

    Raises: BadExample for what is no image, is missing or damaged
    """
    image = image_of(value)
    if isinstance(image, str):
        _opened(image)
    return image


def pixels_of(image: "str | Pixels", size: int) -> Array:
    """The pixels of an image, scaled to a square whatever its sides are: uint8 (size, size, 3).

    Raises: BadExample for a file that is missing or damaged
    """
    from PIL import Image

    whole = _whole(image)
    if whole.size != (size, size):
        whole = whole.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(whole)


def thumbnail(image: "str | Pixels", most: int) -> Array:
    """The pixels of an image in its own proportions, with sides of at most so many: (H, W, 3)."""
    whole = _whole(image)
    whole.thumbnail((most, most))
    return np.asarray(whole)


def images_in(folder: Path) -> list[Path]:
    """The images of a folder, by their names."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def _is_rgb(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[2] == 3 and min(shape) > 0


def _whole(image: "str | Pixels") -> "Image":
    from PIL import Image

    return Image.fromarray(image.array) if isinstance(image, Pixels) else _opened(image)


def _opened(source: "str | Image") -> "Image":
    """The image of a file, or one of Pillow's, read to its end and upright, as RGB."""
    from PIL import Image, ImageOps

    unreadable = (OSError, ValueError, SyntaxError, EOFError, struct.error)
    bombs = (Image.DecompressionBombWarning, Image.DecompressionBombError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tags that nobody reads
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(source) if isinstance(source, str) else nullcontext(source)
            with opened as image:
                image.load()
                return _rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise BadExample(f"There is no image {source}.") from None
    except (*unreadable, *bombs) as error:
        raise BadExample(f"The image {source} cannot be read ({error!s:.200}).") from None


def _rgb(image: "Image") -> "Image":
    """An image as RGB; what is transparent is white, and 16 bits are scaled to 8.

    Raises: ValueError for 32 bits, of which nobody says what is white
    """
    from PIL import Image

    if image.mode.startswith("I;16"):
        grey = np.asarray(image)
        grey = np.where(grey == image.info.get("transparency"), 2**16 - 1, grey)
        image = Image.fromarray(np.round(grey / 257).astype("uint8"))
    if image.mode[0] in "IF":
        raise ValueError(f"its mode is {image.mode!r}; 8 or 16 bits for each channel are due")
    if not image.has_transparency_data:
        return image.convert("RGB")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
