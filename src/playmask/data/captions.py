"""Images and their captions, from JSON with the paths of images, or a folder that holds both."""

from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.columns import Columns
from playmask.data.examples import Examples
from playmask.data.gathering import OBJECTS, BadExample, field, filled, gather, suffix_of
from playmask.data.images import SUFFIXES, Pixels, images_in, readable
from playmask.data.json_objects import objects_of
from playmask.errors import DataError

IMAGE = ("image", "image_path", "file_name", "path")
CAPTIONS = ("captions", "caption", "text")
LISTS = ("captions.jsonl", "metadata.jsonl")
"""What the file in a folder of images is called that says their captions."""


class Captioned(NamedTuple):
    """An image and its captions, of which there are none where they are to be written.

    image: the path of a file, or Pixels
    """

    image: str | Pixels
    captions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All captions, from which a tokenizer may learn."""
        return "\n".join(self.captions)


def read_captions(
    path: str | Path, *, columns: Columns = None, labelled: bool = True, skip_bad: bool = False
) -> Examples[Captioned]:
    """Read the paths of images and their captions; images themselves are not opened.

    path: JSON whose objects have `image`, a path as seen from the file, and `caption`, a text, or
    `captions`, several; or a folder of images that holds captions.jsonl (or metadata.jsonl)
    labelled: False reads input for prediction, also every image of a folder, or a single one;
        captions may be missing, and are kept where they are there
    Raises: DataError naming file and line
    """
    path = Path(path)
    if path.is_dir():
        listed = next((path / name for name in LISTS if (path / name).is_file()), None)
        if listed is None and (labelled or not images_in(path)):
            what = f"list of captions ({' or '.join(LISTS)})" if labelled else "images"
            raise DataError(f"{path}: The folder holds no {what}.")
        if listed is None:
            return Examples(Captioned(str(image)) for image in images_in(path))
        path = listed
    if not labelled and path.suffix.lower() in SUFFIXES:
        return Examples([Captioned(str(path))])
    if suffix_of(path) not in OBJECTS:
        raise DataError(
            f"{path}: Captions are read from {', '.join(OBJECTS)} (+ .gz), or from a folder with "
            f"{LISTS[0]}."
        )

    def of(fields: dict[str, Any]) -> Captioned:
        image = path.parent / field(fields, IMAGE)
        return Captioned(str(image), _captions(fields, labelled))

    return gather(path, objects_of(path, of, columns), skip_bad=skip_bad)


def _captions(fields: dict[str, Any], due: bool) -> tuple[str, ...]:
    name = next((name for name in CAPTIONS if name in fields), None)
    if name is None and due:
        raise BadExample(f"The object has {[*fields]!r:.200}; `caption` is none of them.")
    return () if name is None else captions_of(fields[name])


def captions_of(value: Any) -> tuple[str, ...]:
    """One caption, or several, each a text that is not empty."""
    several = value if isinstance(value, (list, tuple)) else [value]
    if not several:
        raise BadExample("The image has no caption; at least one is due.")
    return tuple(filled(each, "caption") for each in several)


def captioned(example: Any) -> Captioned:
    """An image that can be read, and its captions, also of a pair (image, caption).

    Raises: BadExample
    """
    if not isinstance(example, (tuple, list)) or len(example) != 2:
        raise BadExample(f"It is {example!r:.80}, not (image, caption).")
    return Captioned(readable(example[0]), captions_of(example[1]))
