"""Panels of curves on one sheet: a title each, named axes, a legend."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.errors import InputError
from playmask.inspection.draw.colours import LINES
from playmask.inspection.draw.sheet import PLAIN, Sheet, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = 2  # panels side by side
FEW = 30  # points of a curve that are marked
STEPS = (1, 2, 5, 10)  # of the numbers along an axis
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))  # after each round of colours


class Curve(NamedTuple):
    """A curve of a panel; number: which colour and dashes it has; faint: behind the others."""

    label: str
    x: npt.ArrayLike
    y: npt.ArrayLike
    number: int = 0
    faint: bool = False


class Panel(NamedTuple):
    """A panel: its title, what its horizontal and its vertical axis count, and its curves."""

    title: str
    across: str
    up: str
    curves: Sequence[Curve]


def panels_picture(
    panels: Sequence[Panel],
    path: str | Path,
    *,
    caption: str,
    title: str | None = None,
    shared: bool = False,
) -> None:
    """Draw panels, two in a row.

    shared: all panels have curves of the same labels, so that one legend says it
    Raises:  InputError if there is nothing to draw or the picture cannot be written
    """
    panels = [panel for panel in panels if panel.curves]
    if not panels:
        raise InputError("There is no curve to draw.")
    across = min(ACROSS, len(panels))
    rows = -(-len(panels) // across)
    texts = [text for panel in panels for text in panel[:3]]
    texts += [curve.label for panel in panels for curve in panel.curves]
    with drawn(path, texts, title=title, caption=caption) as sheet:
        sheet.figure.set_size_inches(4.6 * across, 3.1 * rows)
        grid = sheet.figure.subplots(rows, across, squeeze=False)
        sheet.figure.subplots_adjust(wspace=0.28, hspace=0.5)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw(sheet, axes, panel, legend=not shared)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        if shared:
            _legend_below(sheet, grid.flat[0], 3.1 * rows)


def _draw(sheet: Sheet, axes: "Axes", panel: Panel, *, legend: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    for curve in panel.curves:
        few = np.size(curve.y) <= FEW
        axes.plot(
            curve.x,
            curve.y,
            label=sheet.drawable(curve.label),
            color=LINES[curve.number % len(LINES)],
            linestyle=DASHES[curve.number // len(LINES) % len(DASHES)],
            alpha=0.45 if curve.faint else 1.0,
            linewidth=1.0 if curve.faint or not few else 1.5,
            marker="o" if (few and not curve.faint) or np.size(curve.y) == 1 else "",
        )
    axes.set_title(sheet.drawable(panel.title))
    axes.set(xlabel=sheet.drawable(panel.across), ylabel=sheet.drawable(panel.up))
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=STEPS, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PLAIN)
    if legend and any(curve.label for curve in panel.curves):
        axes.legend()


def _legend_below(sheet: Sheet, axes: "Axes", height: float) -> None:
    """One legend below all panels."""
    handles, labels = axes.get_legend_handles_labels()
    place = (0.5, 0.02 - 0.1 / height)
    columns = min(3, len(labels))
    sheet.figure.legend(handles, labels, loc="upper center", bbox_to_anchor=place, ncols=columns)
