"""The picture of an experiment: a dot for each seed, a line of dots for each variant."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from playmask.errors import InputError
from playmask.inspection.draw.colours import INK, LINES, QUIET
from playmask.inspection.draw.sheet import TEXT, Sheet, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW, HEAD, WIDTH, ACROSS = 0.27, 0.75, 2.9, 3  # inches: a line, above and below, a panel; panels
SIDES = {True: "better →", False: "← better"}
CAPTION = (
    "Horizontally: the number that the panel's title names; vertically: the variants. A dot for "
    "each seed, a bar at their mean; the line goes through the mean of the first variant."
)


class Panel(NamedTuple):
    """One number of all variants: name -> the values of its seeds; higher: more of it is better."""

    title: str
    higher: bool
    values: Mapping[str, Sequence[float]]


def dots(panels: Sequence[Panel], variants: Sequence[str], path: str | Path, *, title: str) -> None:
    """Draw panels side by side, with the variants at the left; a line goes through the first one.

    Raises: InputError if there is nothing to draw or the picture cannot be written
    """
    panels = [panel for panel in panels if any(map(len, panel.values.values()))]
    if not panels or not variants:
        raise InputError("There are no results to draw.")
    across = min(len(panels), ACROSS)
    down = math.ceil(len(panels) / across)
    height = ROW * len(variants) + HEAD
    texts = [*variants, *(panel.title for panel in panels), *SIDES.values()]
    with drawn(path, texts, title=title, caption=CAPTION) as sheet:
        sheet.figure.set_size_inches(across * WIDTH, down * height)
        grid = sheet.figure.subplots(down, across, squeeze=False)
        sheet.figure.subplots_adjust(wspace=0.08, hspace=HEAD / (height - HEAD))
        for number, axes in enumerate(grid.flat):
            if number >= len(panels):
                axes.set_visible(False)
                continue
            _panel(sheet, axes, panels[number], variants, labelled=number % across == 0)


def _panel(
    sheet: Sheet, axes: "Axes", panel: Panel, variants: Sequence[str], *, labelled: bool
) -> None:
    """The dots, their means, and the line through the first variant's."""
    from matplotlib.ticker import MaxNLocator

    values_of = {
        n: np.asarray(panel.values[n], float) for n in variants if len(panel.values.get(n, ()))
    }
    first = next(iter(values_of.values()))
    axes.axvline(float(first.mean()), color=QUIET, linewidth=0.8, alpha=0.7)
    for place, name in enumerate(variants):
        if name in values_of:
            values = values_of[name]
            colour = LINES[0] if name == variants[0] else LINES[1]
            axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.45, markersize=5)
            axes.plot(values.mean(), place, "|", color=colour, markersize=11, markeredgewidth=1.8)
    axes.set_ylim(len(variants) - 0.5, -0.5)
    names = [sheet.drawable(name) for name in variants] if labelled else []
    names = names or [""] * len(variants)
    axes.set_yticks(range(len(variants)), names, size=TEXT, color=INK)
    axes.set_title(sheet.drawable(panel.title))
    axes.set_xlabel(SIDES[panel.higher], labelpad=2, loc="right" if panel.higher else "left")
    axes.xaxis.set_major_locator(MaxNLocator(4, min_n_ticks=2))
    axes.margins(x=0.12)
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", length=2)
