"""The sheet that pictures are drawn on: a figure, the fonts for its labels, and its file.

Figures are made without pyplot, which keeps global state, and drawn one at a time.
"""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from playmask.errors import InputError
from playmask.inspection.draw.colours import INK, PAPER, QUIET
from playmask.inspection.fonts import Letters

TITLE, TEXT, SMALLEST = 11.0, 9.0, 5.0  # points
RESOLUTION = 150  # dots per inch

drawing = threading.Lock()  # matplotlib's fonts are shared by all figures


class Sheet:
    """A figure, and the fonts for the title and all texts that it will hold."""

    def __init__(self, title: str | None, texts: Iterable[str]) -> None:
        from matplotlib.figure import Figure

        letters = Letters([title or "", *texts])
        self.font, self.drawable = letters.font, letters.drawable
        self.title = self.drawable(title or "")
        self.numbers: dict[str, Any] = {"labelcolor": QUIET, "labelsize": TEXT - 1}
        self.numbers["labelfontfamily"] = letters.families
        self.figure = Figure(facecolor=PAPER)

    def head(self, text: Any) -> None:
        """Set a text of the figure as its title."""
        text.set(text=self.title, color=INK, font=self.font(TITLE), parse_math=False)

    def save(self, path: str | Path) -> None:
        """Write the picture, as what its suffix says."""
        options: dict[str, Any] = {"dpi": RESOLUTION, "bbox_inches": "tight"}
        options["format"] = check_picture(path)
        write_whole(path, lambda beside: self.figure.savefig(beside, **options))


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
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        write(beside)
        os.replace(beside, path)
    except OSError as error:
        raise InputError(f"{path}: The file cannot be written ({error.strerror}).") from None
    finally:
        beside.unlink(missing_ok=True)
