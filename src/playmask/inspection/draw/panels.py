"""Panels of curves on one sheet: a title each, an axis of epochs, a legend."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.errors import InputError
from playmask.inspection.draw.colours import FAINT, INK, LINES, QUIET
from playmask.inspection.draw.sheet import TEXT, Sheet, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = 2  # panels side by side
FEW = 30  # points of a curve that are marked
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))  # after each round of colours


class Curve(NamedTuple):
    """A curve of a panel; number: which colour and dashes it has; faint: behind the others."""

    label: str
    x: npt.ArrayLike
    y: npt.ArrayLike
    number: int = 0
    faint: bool = False


class Panel(NamedTuple):
    """A panel: its title, what its horizontal axis counts, and its curves."""

    title: str
    unit: str
    curves: Sequence[Curve]


def panels_picture(
    panels: Sequence[Panel], path: str | Path, *, title: str | None = None, shared: bool = False
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
    texts = [text for panel in panels for text in (panel.title, panel.unit)]
    texts += [curve.label for panel in panels for curve in panel.curves]
    with drawing:
        sheet = Sheet(title, texts)
        sheet.figure.set_size_inches(4.6 * across, 3.1 * rows)
        grid = sheet.figure.subplots(rows, across, squeeze=False)
        sheet.figure.subplots_adjust(wspace=0.22, hspace=0.45)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw(sheet, axes, panel, legend=not shared)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        if shared:
            _legend_below(sheet, grid.flat[0], 3.1 * rows)
        if title:
            sheet.head(sheet.figure.suptitle("", y=0.94 + 0.2 / (3.1 * rows)))
        sheet.save(path)


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
            marker="o" if few and not curve.faint else "",
            markersize=4,
        )
    axes.set_title(sheet.drawable(panel.title), loc="left", color=INK, font=sheet.font(TEXT + 1))
    axes.set_xlabel(sheet.drawable(panel.unit), color=QUIET, font=sheet.font(TEXT))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=(1, 2, 5, 10), min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    axes.grid(color=FAINT, linewidth=0.6)
    axes.tick_params(length=0, **sheet.numbers)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set(color=QUIET, linewidth=0.6)
    if legend and any(curve.label for curve in panel.curves):
        axes.legend(frameon=False, labelcolor=INK, prop=sheet.font(TEXT - 1))


def _legend_below(sheet: Sheet, axes: "Axes", height: float) -> None:
    """One legend below all panels."""
    handles, labels = axes.get_legend_handles_labels()
    sheet.figure.legend(
        handles,
        labels,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.02 - 0.1 / height),
        ncols=min(3, len(labels)),
        frameon=False,
        labelcolor=INK,
        prop=sheet.font(TEXT - 1),
    )
