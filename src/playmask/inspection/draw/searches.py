"""Pictures of searches: what each trial has measured, and how it hangs together with options."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playmask.errors import InputError
from playmask.inspection.draw.colours import LINES
from playmask.inspection.draw.sheet import PLAIN, Sheet, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = 3  # panels side by side
CAPTION = (
    "A point for each trial, the best one orange. Vertically: {}; horizontally: the number of the "
    "trial, or the option that the panel's title names."
)

Trial = Mapping[str, Any]
"""`trial`, its number; `value`, or None where it did not come to its end; `options`."""


def search_picture(
    trials: Sequence[Trial],
    options: Mapping[str, bool],
    measure: str,
    path: str | Path,
    *,
    highest: bool = True,
    title: str | None = None,
) -> None:
    """Draw the measure of each trial in their order, and over each of the options.

    options: by name, whether the axis is logarithmic; highest: whether that with the
    highest measure is the best, which stands out
    Raises: InputError if no trial came to its end or the picture cannot be written
    """
    finished = [trial for trial in trials if trial["value"] is not None]
    if not finished:
        raise InputError("No trial came to its end; there is nothing to draw.")
    count = 1 + len(options)
    across = min(ACROSS, count)
    best = (max if highest else min)(trial["value"] for trial in finished)
    rows = -(-count // across)
    values = [str(trial["options"].get(name)) for trial in finished for name in options]
    caption = CAPTION.format(measure)
    with drawn(path, [measure, *options, *values], title=title, caption=caption) as sheet:
        sheet.figure.set_size_inches(3.4 * across, 2.8 * rows)
        grid = sheet.figure.subplots(rows, across, squeeze=False, sharey=True)
        sheet.figure.subplots_adjust(wspace=0.1, hspace=0.5)
        order = [(trial["trial"] + 1, trial["value"]) for trial in finished]
        _points(sheet, grid.flat[0], order, "trial", best)
        for axes, (name, logarithmic) in zip(grid.flat[1:], options.items(), strict=False):
            points = [(trial["options"].get(name), trial["value"]) for trial in finished]
            _points(sheet, axes, points, name, best)
            if logarithmic:
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(PLAIN)
                axes.xaxis.set_minor_formatter("")
        for axes in grid.flat[count:]:
            axes.set_axis_off()
        for axes in grid[:, 0]:
            axes.set_ylabel(sheet.drawable(measure))


def _points(
    sheet: Sheet, axes: "Axes", points: Sequence[tuple[Any, float]], name: str, best: float
) -> None:
    """A point for each trial; those of words stand over their names."""
    xs, ys = zip(*points, strict=True)
    words = any(not isinstance(x, (int, float)) or isinstance(x, bool) for x in xs)
    if words:
        names = sorted({str(x) for x in xs})
        axes.set_xticks(range(len(names)), [sheet.drawable(each, 12) for each in names])
        axes.set_xlim(-0.5, len(names) - 0.5)
        xs = tuple(names.index(str(x)) for x in xs)
    colours = [LINES[1] if y == best else LINES[0] for y in ys]
    sizes = [44 if y == best else 20 for y in ys]
    axes.scatter(xs, ys, s=sizes, color=colours, zorder=3, linewidths=0)
    axes.set_title(sheet.drawable(name))
