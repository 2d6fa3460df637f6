"""Confusion matrices: as a picture, and with shaded cells for a terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from playmask.errors import InputError
from playmask.inspection.draw.cells import every, heat_map, is_wide, label_cells, rule
from playmask.inspection.draw.colours import HEAT, INK, PAPER
from playmask.inspection.draw.sheet import TEXT, Sheet, drawn
from playmask.inspection.draw.terminal import fitted, shade, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Counts = npt.NDArray[np.int64]

CELL, LARGEST = 0.5, 16.0  # inches: a cell, and the longest side at most
WRITTEN = 0.22  # inches: the smallest cell that has its number in it
DARK = 0.5  # of a row: from this share on the number is white
WIDEST = 12  # columns of a label in a terminal
CAPTION = (
    "Rows: the right classes; columns: the predicted ones. Number: examples; the darker, the "
    "larger the share of its row."
)


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
    with drawn(path, labels, title=title, caption=CAPTION) as sheet:
        sheet.figure.set_size_inches(len(counts) * cell, len(counts) * cell)
        axes = sheet.figure.add_axes((0, 0, 1, 1))
        heat_map(axes, shares, HEAT)
        rule(axes, shares.shape, PAPER, 1.0)
        _mark(sheet, axes, labels, cell)
        if cell >= WRITTEN:
            _write_numbers(axes, counts, shares, cell)


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


def _mark(sheet: Sheet, axes: "Axes", labels: Sequence[str], cell: float) -> None:
    """Put the labels at the left and below, and say which is which."""
    label_cells(sheet, axes.yaxis, labels, cell)
    names = label_cells(sheet, axes.xaxis, labels, cell)
    widest = max(width_of(text.get_text()) for text in names)
    for text in names if is_wide(widest, cell, every(cell)) else ():
        text.set_rotation(90)
    axes.set(xlabel="prediction", ylabel="target")


def _write_numbers(
    axes: "Axes", counts: Counts, shares: npt.NDArray[np.float64], cell: float
) -> None:
    """Write the count into each cell that has one; it is smaller where it has many digits."""
    digits = len(str(counts.max(initial=0)))
    style: dict[str, Any] = {
        "size": min(TEXT, 72 * cell * 0.9 / max(0.62 * digits, 1.5)),
        "ha": "center",
    }
    for row, column in np.argwhere(counts > 0):
        colour = PAPER if shares[row, column] > DARK else INK
        axes.text(column, row, str(counts[row, column]), color=colour, va="center", **style)
