"""Confusion matrices: as a picture, and with shaded cells for a terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from playmask.errors import InputError
from playmask.inspection.draw.colours import HEAT, INK, PAPER, QUIET
from playmask.inspection.draw.sheet import SMALLEST, TEXT, Sheet, drawing
from playmask.inspection.draw.terminal import fitted, shade, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Counts = npt.NDArray[np.int64]

CELL, LARGEST = 0.5, 16.0  # inches: a cell, and the longest side at most
WRITTEN = 0.22  # inches: the smallest cell that has its number in it
DARK = 0.5  # of a row: from this share on the number is white
LONGEST, WIDEST = 14, 12  # characters of a label, columns of one in a terminal


def confusion_picture(
    matrix: npt.ArrayLike, labels: Sequence[str], path: str | Path, *, title: str | None = None
) -> None:
    """Draw a confusion matrix as a heat map: a row for each target, a column for each prediction.

    A cell's colour is its share of the row (recall, on the diagonal), its number the count.

    Shapes:  matrix (labels, labels) of counts
    Raises:  InputError if the shapes do not fit or the picture cannot be written
    """
    counts, shares = _checked(matrix, labels)
    cell = min(CELL, LARGEST / len(counts))
    with drawing:
        sheet = Sheet(title, labels)
        axes = _heat_map(sheet, shares, cell)
        _mark(sheet, axes, labels, cell)
        if cell >= WRITTEN:
            _write_numbers(sheet, axes, counts, shares, cell)
        sheet.head(axes.set_title("", loc="left", pad=8))
        sheet.save(path)


def confusion_text(matrix: npt.ArrayLike, labels: Sequence[str]) -> str:
    """Lay a confusion matrix out for a terminal: targets down, predictions across, shaded counts.

    A cell's shade is its share of the row, so that a good classifier has a dark diagonal. Columns
    are named by the numbers of the rows.

    Shapes:  matrix (labels, labels) of counts
    Raises:  InputError if the shapes do not fit
    """
    counts, shares = _checked(matrix, labels)
    numbers = [str(place) for place in range(1, len(labels) + 1)]
    side = min(max(map(width_of, labels)), WIDEST)
    wide = max(len(str(counts.max(initial=0))), len(numbers[-1]))
    heads = "".join(f"  {number:>{wide + 1}}" for number in numbers)
    lines = [" " * (len(numbers[-1]) + 1 + side) + heads]
    for number, label, row, parts in zip(numbers, labels, counts, shares, strict=True):
        cells = "".join(
            f"  {shade(part) if n else ' '}{n if n else '·':>{wide}}"
            for n, part in zip(row, parts, strict=True)
        )
        lines.append(f"{number:>{len(numbers[-1])}} {fitted(label, side)}{cells}")
    legend = "  ".join(f"{shade(part)} {part:.0%}" for part in (1.0, 0.75, 0.5, 0.25))
    return "\n".join([*lines, f"rows: targets, columns: predictions; of a row {legend}"])


def _checked(
    matrix: npt.ArrayLike, labels: Sequence[str]
) -> tuple[Counts, npt.NDArray[np.float64]]:
    """Return the counts, and each as a share of its row."""
    counts = np.asarray(matrix, "int64")
    if counts.shape != (len(labels), len(labels)) or not counts.size:
        raise InputError(
            f"The confusion matrix has the shape {counts.shape}; with {len(labels)} labels it is "
            f"({len(labels)}, {len(labels)})."
        )
    return counts, counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _heat_map(sheet: Sheet, shares: npt.NDArray[np.float64], cell: float) -> "Axes":
    from matplotlib.colors import LinearSegmentedColormap

    sheet.figure.set_size_inches(len(shares) * cell, len(shares) * cell)
    axes = sheet.figure.add_axes((0, 0, 1, 1))
    colours = LinearSegmentedColormap.from_list("playmask", HEAT)
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
    axes.tick_params(which="both", length=0, pad=4)
    axes.spines[:].set(color=QUIET, linewidth=0.6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(1, len(shares)) - 0.5, minor=True)
    axes.grid(which="minor", color=PAPER, linewidth=1.0)
    return axes


def _mark(sheet: Sheet, axes: "Axes", labels: Sequence[str], cell: float) -> None:
    """Put the labels at the left and below, and say which is which."""
    size = min(TEXT, 72 * cell * 0.75)
    every = int(np.ceil(SMALLEST / size))
    names = [sheet.drawable(label, LONGEST) for label in labels[::every]]
    upright = 0.6 * max(map(width_of, names)) * size > 72 * cell * every
    for axis, turned in ((axes.yaxis, False), (axes.xaxis, upright)):
        axis.set_ticks(range(0, len(labels), every), names, parse_math=False, color=INK)
        for text in axis.get_ticklabels():
            text.set(font=sheet.font(max(size, SMALLEST)), rotation=90 if turned else 0)
    axes.set_ylabel("target", color=QUIET, font=sheet.font(TEXT))
    axes.set_xlabel("prediction", color=QUIET, font=sheet.font(TEXT))


def _write_numbers(
    sheet: Sheet, axes: "Axes", counts: Counts, shares: npt.NDArray[np.float64], cell: float
) -> None:
    """Write the count into each cell that has one; it is smaller where it has many digits."""
    digits = len(str(counts.max(initial=0)))
    font = sheet.font(min(TEXT, 72 * cell * 0.9 / max(0.62 * digits, 1.5)))
    for row, column in np.argwhere(counts > 0):
        colour = PAPER if shares[row, column] > DARK else INK
        axes.text(
            column, row, str(counts[row, column]), color=colour, font=font, ha="center", va="center"
        )
