"""The sheet that every picture is drawn on: one style, the fonts it needs, its caption, its file.

Figures are made without pyplot, which keeps global state, and drawn one at a time.
"""

import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playmask.errors import CheckpointError, InputError
from playmask.files import replacing
from playmask.inspection.draw.colours import FAINT, INK, PAPER, QUIET
from playmask.inspection.fonts import Letters

if TYPE_CHECKING:
    from matplotlib.transforms import Bbox

TITLE, TEXT, SMALL, SMALLEST = 11.0, 9.0, 8.0, 5.0  # points
RESOLUTION = 150  # dots per inch
ABOVE, BELOW, EDGE = 0.12, 0.1, 0.1  # inches: to the title, to the caption, around the whole
NARROWEST, LETTER = 3.0, 0.5  # inches: a caption's line at least; of its size, a letter's width

STYLE: Mapping[str, Any] = {
    "figure.facecolor": PAPER,
    "figure.dpi": RESOLUTION,
    "savefig.dpi": "figure",
    "font.size": TEXT,
    "text.color": INK,
    "text.parse_math": False,
    "axes.titlesize": TEXT + 1,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelsize": TEXT,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "legend.labelcolor": INK,
    **{
        f"{axis}tick.{name}": value
        for axis in "xy"
        for name, value in {
            "color": QUIET,
            "labelcolor": QUIET,
            "labelsize": SMALL,
            "major.size": 0,
            "minor.size": 0,
        }.items()
    },
}
"""Matplotlib's settings of all pictures; what holds here is set nowhere else."""

PLAIN = "{x:.4g}"
"""How the numbers of an axis are written."""

_drawing = threading.Lock()  # matplotlib's fonts and settings are shared by all figures


class Sheet:
    """A figure, and the fonts for all texts that it will hold."""

    def __init__(self, letters: Letters) -> None:
        from matplotlib.figure import Figure

        self.font, self.drawable = letters.font, letters.drawable
        self.figure = Figure()

    def frame(self, title: str, caption: str) -> "Bbox":
        """Put the title above all that is drawn, the caption below; returns the whole, in inches.

        What is drawn is measured once, since that takes as long as drawing it.
        """
        from matplotlib.transforms import Bbox

        if self.figure.get_layout_engine() is not None:
            self.figure.draw_without_rendering()  # puts the panels where they will be
        box, (width, height) = self.figure.get_tightbbox(), self.figure.get_size_inches()
        left, top, bottom = box.x0 / width, (box.y1 + ABOVE) / height, (box.y0 - BELOW) / height
        line = int(max(box.width, NARROWEST) * 72 / (LETTER * SMALL))
        below = "\n".join(textwrap.wrap(caption, line))
        style: dict[str, Any] = {"size": SMALL, "color": QUIET, "va": "top", "linespacing": 1.4}
        texts = [self.figure.text(left, bottom, below, **style)]
        if title:
            over = self.drawable(title)
            texts.append(self.figure.text(left, top, over, size=TITLE, va="bottom"))
        pixels = [text.get_window_extent() for text in texts]
        inches = self.figure.dpi_scale_trans.inverted()
        return Bbox.union([box, *(each.transformed(inches) for each in pixels)]).padded(EDGE)


@contextmanager
def drawn(
    path: str | Path, texts: Iterable[str], *, caption: str, title: str | None = None
) -> Iterator[Sheet]:
    """Draw a picture in the one style, and write it as what the suffix says when it is done.

    texts: all that the picture will hold, for their fonts; caption: what its axes and colours are
    Raises: InputError for a suffix that names no format, or if it cannot be written
    """
    from matplotlib import rc_context

    form = check_picture(path)
    letters = Letters([title or "", caption, *texts])
    style: dict[Any, Any] = {**STYLE, "font.family": letters.families}
    with _drawing, rc_context(style):
        sheet = Sheet(letters)
        yield sheet
        box = sheet.frame(title or "", caption)
        write_whole(path, lambda beside: sheet.figure.savefig(beside, format=form, bbox_inches=box))


def check_picture(path: str | Path) -> str:
    """The format of a picture that can be written to a path.

    Raises: InputError for a suffix that names none, or a folder that does not exist
    """
    path = Path(path)
    form = path.suffix.lower().removeprefix(".")
    if form not in ("png", "svg"):
        raise InputError(f"{path}: The picture's format is {form!r}; .png or .svg is expected.")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: The file cannot be written (No such folder: {path.parent}).")
    return form


def write_whole(path: str | Path, write: Callable[[Path], Any]) -> None:
    """Write a file beside its place, then move it there whole.

    Raises: InputError if it cannot be written
    """
    try:
        with replacing(path) as (beside,):
            write(beside)
    except CheckpointError as error:
        cause = error.__cause__ or f"No such folder: {Path(path).parent}"
        reason = getattr(cause, "strerror", None) or cause
        raise InputError(f"{path}: The file cannot be written ({reason}).") from None
