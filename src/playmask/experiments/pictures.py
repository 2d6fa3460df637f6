"""The picture of an experiment: a dot for each seed, a line of dots for each variant."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from playmask.errors import InputError
from playmask.inspection.draw.colours import FAINT, INK, LINES, QUIET
from playmask.inspection.draw.sheet import TEXT, Sheet, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW, HEAD, WIDTH, ACROSS = 0.27, 0.75, 2.9, 3  # inches: a line, above and below, a panel; panels


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
    with drawing:
        across = min(len(panels), ACROSS)
        down = math.ceil(len(panels) / across)
        height = ROW * len(variants) + HEAD
        sheet = Sheet(title, [*variants, *(panel.title for panel in panels), "better →←"])
        sheet.figure.set_size_inches(across * WIDTH, down * height)
        grid = sheet.figure.subplots(down, across, squeeze=False)
        sheet.figure.subplots_adjust(wspace=0.08, hspace=HEAD / (height - HEAD))
        for number, axes in enumerate(grid.flat):
            if number >= len(panels):
                axes.set_visible(False)
                continue
            _panel(sheet, axes, panels[number], variants, labelled=number % across == 0)
        above = sheet.figure.subplotpars.top + 0.36 / (down * height)
        heading = sheet.figure.suptitle("", y=above, verticalalignment="bottom")
        sheet.head(heading)
        sheet.save(path)


def _panel(
    sheet: Sheet, axes: "Axes", panel: Panel, variants: Sequence[str], *, labelled: bool
) -> None:
    """The dots, their means, and the line through the first variant's."""
    from matplotlib.ticker import MaxNLocator

    drawn = {
        n: np.asarray(panel.values[n], float) for n in variants if len(panel.values.get(n, ()))
    }
    axes.axvline(float(next(iter(drawn.values())).mean()), color=QUIET, linewidth=0.8, alpha=0.7)
    for place, name in enumerate(variants):
        if name in drawn:
            values = drawn[name]
            colour = LINES[0] if name == variants[0] else LINES[1]
            axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.45, markersize=5)
            axes.plot(values.mean(), place, "|", color=colour, markersize=11, markeredgewidth=1.8)
    axes.set_ylim(len(variants) - 0.5, -0.5)
    names = [sheet.drawable(name) for name in variants] if labelled else []
    axes.set_yticks(range(len(variants)), names or [""] * len(variants), parse_math=False)
    for text in axes.get_yticklabels():
        text.set(color=INK, font=sheet.font(TEXT))
    side = "better →" if panel.higher else "← better"
    axes.set_title(sheet.drawable(panel.title), loc="left", color=INK, font=sheet.font(TEXT + 1))
    axes.set_xlabel(sheet.drawable(side), color=QUIET, font=sheet.font(TEXT), labelpad=2,
                    loc="right" if panel.higher else "left")  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(4, min_n_ticks=2))
    axes.margins(x=0.12)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", length=2, color=QUIET, **sheet.numbers)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set(color=QUIET, linewidth=0.6)
