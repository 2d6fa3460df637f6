"""Pictures of masks, attention and training, as PNG or SVG, with Chinese on every machine.

Figures are made without pyplot, which keeps global state, and drawn one at a time.
"""

import math
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import numpy as np

from playmask.errors import InputError
from playmask.fonts import Letters

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET, FAINT, PAPER = "#1f2a3a", "#6b7687", "#e3e7ec", "#ffffff"
HEAT = ("#f5f8fc", "#a9cbe8", "#3a7fc0", "#0b2545")  # from none to most
LINES = ("#1f5fa8", "#c0612b", "#3c7d5a", "#7a4f9a")
CELL, GAP = 0.22, 0.3  # inches: a cell, between panels
LARGEST, UNLABELLED = 30.0, 8.0  # inches: the longest side, with labels to read and without
TITLE, TEXT, SMALLEST = 11.0, 9.0, 5.0  # points
RESOLUTION, LONGEST = 150, 14  # dots per inch; characters of a label
RATES = ("lr", "learning_rate")  # series of a history that are left out
STEPS = (1, 2, 5, 10)  # of the numbers along an axis

_drawing = threading.Lock()  # matplotlib's fonts are shared by all figures


def mask_picture(
    allowed: Any,
    path: str | Path,
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    title: str | None = None,
) -> None:
    """Draw who may look at whom: a row per query, dark under the keys that it may look at.

    Shapes:  allowed bool (T, S); rows T labels; columns S labels
    Raises:  InputError if the shapes do not fit or the picture cannot be written
    """
    grid = np.asarray(allowed, bool)
    if grid.ndim != 2 or not grid.size:
        raise InputError(f"The mask has the shape {grid.shape}; (T, S) is expected.")
    for name, labels, count in (("rows", rows, len(grid)), ("columns", columns, grid.shape[1])):
        if labels is not None and len(labels) != count:
            raise InputError(f"There are {len(labels)} labels for {count} {name} of the mask.")
    with _drawing:
        sheet = _Sheet(title, rows or (), columns or ())
        [axes], _ = sheet.matrices(grid[None], (PAPER, INK), 1.0)
        if max(grid.shape) <= 128:
            for axis, count in zip((axes.yaxis, axes.xaxis), grid.shape, strict=True):
                axis.set_ticks(np.arange(1, count) - 0.5, minor=True)
            axes.grid(which="minor", color=FAINT, linewidth=0.6)
        sheet.save(path)


def attention_picture(
    weights: Any,
    queries: Sequence[str],
    keys: Sequence[str],
    path: str | Path,
    *,
    title: str | None = None,
) -> None:
    """Draw attention weights as heat maps with the tokens at their sides, a panel per head.

    Shapes:  weights (T, S) or (N, T, S); queries T tokens; keys S tokens
    Raises:  InputError if the shapes do not fit or the picture cannot be written
    """
    heads = np.asarray(weights, np.float32)
    heads = heads[None] if heads.ndim == 2 else heads
    wanted = len(queries), len(keys)
    if heads.ndim != 3 or heads.shape[1:] != wanted or not heads.size:
        shape = f"The weights have the shape {np.shape(weights)}"
        raise InputError(f"{shape}; the last two must be the numbers of tokens, {wanted}.")
    top = float(np.max(heads, initial=0, where=np.isfinite(heads))) or 1.0
    with _drawing:
        sheet = _Sheet(title, queries, keys)
        panels, cell = sheet.matrices(heads, HEAT, top)
        for number, axes in enumerate(panels):
            if len(heads) > 1:
                axes.set_xlabel(f"head {number}", color=QUIET, font=sheet.font(TEXT), labelpad=2)
        sheet.scale(panels[0], min(len(queries) * cell, 2.0))
        sheet.save(path)


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
    with _drawing:
        sheet = _Sheet(title, [*names, unit])
        sheet.figure.set_size_inches(4.4 * len(groups), 3.0)
        panels = sheet.figure.subplots(1, len(groups), squeeze=False)[0]
        sheet.figure.subplots_adjust(wspace=0.2)
        end = max(map(len, series.values()))
        for axes, group in zip(panels, groups, strict=True):
            _plot(axes, series, group, end)
            sheet.frame(axes, ", ".join(group), unit, end)
        heading = sheet.figure.suptitle(sheet.title, y=1.04, color=INK)
        heading.set(font=sheet.font(TITLE), parse_math=False)
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


def _layout(shape: tuple[int, ...], largest: float) -> tuple[int, float]:
    """Choose how many panels stand side by side, and the size of a cell in inches."""
    count, height, width = shape

    def cell(across: int) -> float:
        longer = max(across * width, math.ceil(count / across) * height)
        return min(max(CELL, 2.5 / longer), largest / longer)

    across = max(range(1, min(count, 4) + 1), key=lambda across: (cell(across), across))
    return across, cell(across)


class _Sheet:
    """A figure and the fonts for its labels."""

    def __init__(self, title: str | None, rows: Sequence[str], columns: Sequence[str] = ()):
        from matplotlib.figure import Figure

        letters = Letters([title or "", *rows, *columns])
        self.font, self.drawable = letters.font, letters.drawable
        self.rows, self.columns, self.title = rows, columns, self.drawable(title or "")
        self.numbers: dict[str, Any] = {"labelcolor": QUIET, "labelsize": TEXT - 1}
        self.numbers["labelfontfamily"] = letters.families
        self.figure = Figure(facecolor=PAPER)

    def matrices(
        self, grids: np.ndarray, colours: Sequence[str], top: float
    ) -> tuple[list["Axes"], float]:
        """Draw a panel per grid with square cells; return the panels and the size of a cell."""
        from matplotlib.colors import LinearSegmentedColormap

        colour_map = LinearSegmentedColormap.from_list("playmask", colours)
        largest = LARGEST if self.rows or self.columns else UNLABELLED
        across, cell = _layout(grids.shape, largest)
        height, width = grids.shape[1] * cell, grids.shape[2] * cell
        page_width = across * (width + GAP) - GAP
        page_height = math.ceil(len(grids) / across) * (height + GAP) - GAP
        self.figure.set_size_inches(page_width, page_height)
        panels = []
        for number, grid in enumerate(grids):
            down, right = divmod(number, across)
            left, bottom = right * (width + GAP), page_height - down * (height + GAP) - height
            shares = np.array([left, bottom, width, height]) / ([page_width, page_height] * 2)
            axes = self.figure.add_axes(tuple(shares))
            axes.imshow(grid, cmap=colour_map, vmin=0, vmax=top, aspect="auto")
            axes.tick_params(which="both", length=0, pad=3, labeltop=True, labelbottom=False)
            axes.spines[:].set(color=QUIET, linewidth=0.6)
            self._label(axes.xaxis, self.columns if down == 0 else (), cell)
            self._label(axes.yaxis, self.rows if right == 0 else (), cell)
            panels.append(axes)
        title = panels[0].set_title(self.title, loc="left", pad=8, color=INK)
        title.set(font=self.font(TITLE), parse_math=False)
        return panels, cell

    def _label(self, axis: Any, labels: Sequence[str], cell: float) -> None:
        """Label each cell, or every second, third … one where they are too small for that."""
        size = min(TEXT, 72 * cell * 0.75)
        every = math.ceil(SMALLEST / size)
        names = [self.drawable(label, LONGEST) for label in labels[::every]]
        axis.set_ticks(range(0, len(labels), every), names, parse_math=False, color=INK)
        for text in axis.get_ticklabels():
            text.set_font(self.font(max(size, SMALLEST)))
            wide = sum(1.0 if east_asian_width(c) in "WF" else 0.6 for c in text.get_text())
            if axis.axis_name == "x" and wide * size > 72 * cell:
                text.set(rotation=90, verticalalignment="bottom")

    def scale(self, axes: "Axes", height: float) -> None:
        """Put the scale of the colours to the right of the panels."""
        inch_x, inch_y = 1 / self.figure.get_size_inches()
        place = 1 + 0.15 * inch_x, 1 - height * inch_y, 0.1 * inch_x, height * inch_y
        beside = self.figure.add_axes(place)
        self.figure.colorbar(axes.images[0], cax=beside).outline.set(color=QUIET, linewidth=0.6)
        beside.tick_params(length=2, color=QUIET, **self.numbers)

    def frame(self, axes: "Axes", name: str, unit: str, end: int) -> None:
        """Give a panel of curves its name, its axes and its legend."""
        from matplotlib.ticker import MaxNLocator

        axes.set_title(self.drawable(name), loc="left", color=INK, font=self.font(TEXT + 1))
        axes.set_xlabel(self.drawable(unit), color=QUIET, font=self.font(TEXT))
        axes.set_xlim(1 - 0.03 * end - 0.1, 1.03 * end + 0.1)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=STEPS, min_n_ticks=1))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
        axes.grid(color=FAINT, linewidth=0.6)
        axes.tick_params(length=0, **self.numbers)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set(color=QUIET, linewidth=0.6)
        axes.legend(frameon=False, labelcolor=INK, prop=self.font(TEXT - 1))

    def save(self, path: str | Path) -> None:
        """Write the picture beside its place, then move it there whole."""
        path = Path(path)
        form = path.suffix.lower().removeprefix(".")
        if form not in ("png", "svg"):
            raise InputError(f"{path}: The picture's format is {form!r}; .png or .svg is expected.")
        beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            self.figure.savefig(beside, format=form, dpi=RESOLUTION, bbox_inches="tight")
            os.replace(beside, path)
        except OSError as error:
            raise InputError(f"{path}: The picture cannot be written ({error.strerror}).") from None
        finally:
            beside.unlink(missing_ok=True)
