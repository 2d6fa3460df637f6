"""What a captioner writes below images, as a picture."""

from pathlib import Path
from typing import Any

from playmask.data.captions import Captioned
from playmask.data.images import image_of, is_image, thumbnail
from playmask.errors import ConfigError
from playmask.inspection.draw.captions import caption_picture
from playmask.inspection.draw.sheet import check_picture

DRAWN = 256  # pixels of a side at most


def draw_captions(
    task: Any, images: Any, path: str | Path, *, title: str | None = None, **options: Any
) -> list[str]:
    """Draw images with the captions that a task writes of them below; returns these.

    images: as of `ImageCaptioner.predict`, or with captions: pairs (image, caption), or examples. A
    caption that is written otherwise is coloured, and the one that is due stands below it.
    options: of `predict`; path: of a .png or .svg
    Raises: ConfigError for another task, DataError for what is no image, InputError where the
            picture cannot be written

    Example:
        >>> task = ImageCaptioner.new(path, "small", image_size=32, max_length=16)
        >>> image = np.zeros((40, 40, 3), "uint8")
        >>> len(draw_captions(task, [(image, "今天")], "captions.png"))
        1
    """
    if not hasattr(task, "writer") or task.name != "caption":
        raise ConfigError(f"Captions are written by a task 'caption', not by {task!r:.60}.")
    check_picture(path)
    examples = [_example(each) for each in ([images] if is_image(images) else images)]
    captions: list[str] = task.predict([example.image for example in examples], **options)
    drawn = [thumbnail(example.image, DRAWN) for example in examples]
    both = zip(examples, task.right(examples, captions), strict=True)
    due = [None if right else next(iter(example.captions), None) for example, right in both]
    caption_picture(drawn, captions, path, due=due, title=title)
    return captions


def _example(value: Any) -> Captioned:
    """An image alone, or one with captions."""
    if is_image(value):
        return Captioned(image_of(value))
    image, captions = value
    return Captioned(image_of(image), (captions,) if isinstance(captions, str) else (*captions,))
