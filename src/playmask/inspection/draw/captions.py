"""Images with their captions below."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from playmask.errors import InputError
from playmask.inspection.draw.colours import INK, LINES, QUIET
from playmask.inspection.draw.sheet import Sheet, drawn
from playmask.inspection.draw.terminal import cut, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS, SIDE = 4, 2.0  # images side by side, inches of one
COLUMNS = 24  # of a line of a caption; a Chinese character takes two
LINE, BETWEEN = 0.19, 0.3  # inches of a line, and between the images
WRONG = LINES[1]
CAPTION = (
    "Below each image the caption that was written; where it is none of those that are due it is "
    "orange, and the first of these stands below it."
)


def caption_picture(
    images: Sequence[npt.ArrayLike],
    captions: Sequence[str],
    path: str | Path,
    *,
    due: Sequence[str | None] | None = None,
    title: str | None = None,
) -> None:
    """Draw images, four in a row, each with its caption below.

    due: for each caption that is wrong, the one that stands below it; None = the caption is right

    Shapes:  an image (H, W, 3) of 0 to 255
    Raises:  InputError if there is nothing to draw or the picture cannot be written
    """
    due = [None] * len(images) if due is None else due
    if not len(images) or not len(images) == len(captions) == len(due):
        raise InputError(
            f"{len(images)} images, {len(captions)} captions and {len(due)} that are due cannot "
            "be drawn; as many of each, and one at least, are."
        )
    texts = [*captions, *filter(None, due)]
    with drawn(path, texts, title=title, caption=CAPTION) as sheet:
        below = [_below(sheet, *each) for each in zip(captions, due, strict=True)]
        across = min(ACROSS, len(images))
        rows = -(-len(images) // across)
        text = LINE * max(map(len, below))
        sheet.figure.set_size_inches(across * SIDE, rows * (SIDE + text))
        panels = sheet.figure.subplots(rows, across, squeeze=False)
        sheet.figure.subplots_adjust(wspace=BETWEEN / SIDE, hspace=(text + BETWEEN) / SIDE)
        for axes, image, lines in zip_longest(panels.flat, images, below):
            axes.set_axis_off()
            if image is not None:
                _draw(axes, np.asarray(image, "uint8"), lines)


def _below(sheet: Sheet, caption: str, due: str | None) -> list[tuple[str, str]]:
    """The lines below an image, each with its colour."""
    lines = _lines(sheet.drawable(caption))
    if due is None:
        return [(line, INK) for line in lines]
    return [(line, WRONG) for line in lines] + [
        (line, QUIET) for line in _lines(sheet.drawable(due))
    ]


def _lines(text: str) -> list[str]:
    """A text in lines of at most COLUMNS; words of letters are not cut where they are short."""
    lines = []
    while width_of(text) > COLUMNS:
        line = cut(text, COLUMNS)
        space = line.rfind(" ")
        line = line[: space + 1] if space > len(line) // 2 else line
        lines.append(line.rstrip())
        text = text[len(line) :]
    return [*lines, text]


def _draw(axes: "Axes", image: npt.NDArray[np.uint8], lines: Sequence[tuple[str, str]]) -> None:
    axes.imshow(image, interpolation="nearest" if max(image.shape) < 150 else "antialiased")
    for number, (line, colour) in enumerate(lines):
        axes.annotate(
            line,
            (0.5, 0),
            (0, -72 * LINE * (number + 0.25)),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="top",
            color=colour,
        )
