"""Curves of losses and metrics."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from playmask.errors import InputError
from playmask.inspection.draw.colours import FAINT, INK, LINES, QUIET
from playmask.inspection.draw.sheet import TEXT, Sheet, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RATES = ("lr", "learning_rate")  # series of a history that are left out
STEPS = (1, 2, 5, 10)  # of the numbers along an axis


def training_curve(
    history: Mapping[str, Sequence[float]],
    path: str | Path,
    *,
    title: str | None = None,
    unit: str = "epoch",
) -> None:
    """Draw losses and metrics over the epochs or steps, with "val_…" as validation.

    The legend gives the last values. A series with fewer values than the longest one is spread
    over the same time.
    Raises:  InputError if there is nothing to draw or the picture cannot be written
    """
    series = {name: np.asarray(values, float) for name, values in history.items() if len(values)}
    names = dict.fromkeys(n.removeprefix("val_") for n in series if n not in RATES)
    losses = [name for name in names if "loss" in name]
    groups = [group for group in (losses, [n for n in names if n not in losses]) if group]
    if not groups:
        raise InputError("The history is empty; a series such as 'loss' is expected.")
    with drawing:
        sheet = Sheet(title, [*names, unit])
        sheet.figure.set_size_inches(4.4 * len(groups), 3.0)
        panels = sheet.figure.subplots(1, len(groups), squeeze=False)[0]
        sheet.figure.subplots_adjust(wspace=0.2)
        end = max(map(len, series.values()))
        for axes, group in zip(panels, groups, strict=True):
            _plot(axes, series, group, end)
            _frame(sheet, axes, ", ".join(group), unit, end)
        sheet.head(sheet.figure.suptitle("", y=1.04))
        sheet.save(path)


def _plot(axes: "Axes", series: Mapping[str, np.ndarray], names: Sequence[str], end: int) -> None:
    """Draw the series of one panel; training is paler where validation stands beside it."""
    for number, name in enumerate(names):
        for key, kind in ((name, "train"), (f"val_{name}", "validation")):
            if key not in series:
                continue
            values = series[key]
            few, pale = len(values) <= 30, kind == "train" and f"val_{name}" in series
            axes.plot(
                np.arange(1, len(values) + 1) * (end / len(values)),
                values,
                label=f"{f'{name}, ' if len(names) > 1 else ''}{kind} {values[-1]:.4g}",
                color=LINES[number % len(LINES)],
                linestyle=(0, (4, 2)) if pale and few else "-",
                alpha=0.6 if pale else 1.0,
                linewidth=1.4 if few else 1.0,
                marker="o" if few else "",
                markersize=4,
            )


def _frame(sheet: Sheet, axes: "Axes", name: str, unit: str, end: int) -> None:
    """Give a panel of curves its name, its axes and its legend."""
    from matplotlib.ticker import MaxNLocator

    axes.set_title(sheet.drawable(name), loc="left", color=INK, font=sheet.font(TEXT + 1))
    axes.set_xlabel(sheet.drawable(unit), color=QUIET, font=sheet.font(TEXT))
    axes.set_xlim(1 - 0.03 * end - 0.1, 1.03 * end + 0.1)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=STEPS, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    axes.grid(color=FAINT, linewidth=0.6)
    axes.tick_params(length=0, **sheet.numbers)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set(color=QUIET, linewidth=0.6)
    axes.legend(frameon=False, labelcolor=INK, prop=sheet.font(TEXT - 1))
