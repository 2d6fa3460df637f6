"""Heat maps: a coloured cell for each number of a matrix, and labels at its sides."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from playmask.inspection.draw.colours import INK
from playmask.inspection.draw.sheet import SMALLEST, TEXT, Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

LONGEST = 14  # characters of a label
READABLE = 0.75  # of a cell's height: a label's


def heat_map(
    axes: "Axes", grid: Any, colours: Sequence[str], between: tuple[float, float] = (0.0, 1.0)
) -> None:
    """Colour the cells of a framed panel, which gets no ticks."""
    from matplotlib.colors import LinearSegmentedColormap

    colour_map = LinearSegmentedColormap.from_list("playmask", colours)
    axes.imshow(grid, cmap=colour_map, vmin=between[0], vmax=between[1], aspect="auto")
    axes.grid(False)
    axes.spines[:].set_visible(True)
    axes.set(xticks=[], yticks=[])


def rule(axes: "Axes", shape: tuple[int, ...], colour: str, width: float) -> None:
    """Draw lines between the cells."""
    for axis, count in zip((axes.yaxis, axes.xaxis), shape, strict=True):
        axis.set_ticks([i - 0.5 for i in range(1, count)], minor=True)
    axes.grid(which="minor", color=colour, linewidth=width)


def every(cell: float) -> int:
    """Of how many cells of a height in inches one has its label."""
    return math.ceil(SMALLEST / _size(cell))


def label_cells(sheet: Sheet, axis: Any, labels: Sequence[str], cell: float) -> "list[Text]":
    """Label each cell, or every second, third … one where they are too small for that."""
    step = every(cell)
    names = [sheet.drawable(label, LONGEST) for label in labels[::step]]
    axis.set_ticks(range(0, len(labels), step), names, color=INK, size=max(_size(cell), SMALLEST))
    texts: list[Text] = axis.get_ticklabels()
    return texts


def is_wide(columns: int, cell: float, cells: int = 1) -> bool:
    """Whether a label of so many columns is wider than so many cells."""
    return 0.6 * columns * _size(cell) > 72 * cell * cells


def _size(cell: float) -> float:
    """The size in points of a label of a cell."""
    return min(TEXT, 72 * cell * READABLE)
