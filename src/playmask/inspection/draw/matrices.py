"""Matrices: a mask, or maps of attention, with the tokens at their sides."""

import math
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from playmask.errors import InputError
from playmask.inspection.draw.cells import heat_map, is_wide, label_cells, rule
from playmask.inspection.draw.colours import FAINT, HEAT, INK, PAPER, QUIET, SIGNED
from playmask.inspection.draw.sheet import Sheet, drawn
from playmask.inspection.draw.terminal import width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL, GAP = 0.22, 0.3  # inches: a cell, between panels
LEAST, NAMED = 2.5, 1.3  # inches: the longest side at least, a panel that has a name below it
LARGEST, UNLABELLED = 30.0, 8.0  # inches: the longest side, with labels to read and without
ACROSS = 4  # panels side by side, where they need not be
MASK = "Rows: queries; columns: keys. Dark: the query may look at the key."
ATTENTION = (
    "Rows: the tokens that look; columns: what they look at. Colour: the attention weight, by the "
    "scale at the right."
)

Labels = Sequence[str]


def mask_picture(
    allowed: Any,
    path: str | Path,
    *,
    rows: Labels | None = None,
    columns: Labels | None = None,
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
    labels = [*(rows or ()), *(columns or ())]
    with drawn(path, labels, title=title, caption=MASK) as sheet:
        cell = _cell(1, 1, grid.shape, LARGEST if rows or columns else UNLABELLED)
        panels = _panels(sheet, [[grid]], cell, (PAPER, INK), (0, 1))
        _label(sheet, panels, rows or (), columns or (), cell)
        [[axes]] = panels
        if max(grid.shape) <= 128:
            rule(axes, grid.shape, FAINT, 0.6)


def attention_picture(
    weights: Any,
    queries: Labels,
    keys: Labels,
    path: str | Path,
    *,
    names: Labels | None = None,
    title: str | None = None,
) -> None:
    """Draw attention weights as heat maps with the tokens at their sides, a panel per head.

    names: one for each panel (default: its head, and its layer where there are several)
    Shapes:  weights (T, S) or (N, T, S); or a list of (N, T, S), a row of panels for each layer;
             queries T tokens; keys S tokens
    Raises:  InputError if the shapes do not fit or the picture cannot be written
    """
    layers = _layers(weights, (len(queries), len(keys)))
    names = names or _names(layers)
    if len(names) != (count := sum(map(len, layers))):
        raise InputError(f"There are {len(names)} names for {count} panels.")
    rows, cell = _arranged(layers)
    colours, between = _colours(np.concatenate(layers))
    texts = [*queries, *keys, *names]
    with drawn(path, texts, title=title, caption=ATTENTION) as sheet:
        panels = _panels(sheet, rows, cell, colours, between)
        _label(sheet, panels, queries, keys, cell)
        if len(names) > 1:
            for axes, name in zip(chain.from_iterable(panels), names, strict=True):
                axes.set_xlabel(name, labelpad=2)
        _scale(sheet, panels[0][0], min(len(queries) * cell, 2.0))


def _layers(weights: Any, expected: tuple[int, int]) -> list[np.ndarray]:
    """The maps of each layer, (N, T, S) each."""
    several = isinstance(weights, (list, tuple)) and len(weights) > 0 and np.ndim(weights[0]) == 3
    layers = [np.asarray(layer, np.float32) for layer in (weights if several else [weights])]
    layers = [layer[None] if layer.ndim == 2 else layer for layer in layers]
    for layer in layers:
        if layer.ndim != 3 or layer.shape[1:] != expected or not layer.size:
            shape = f"The weights have the shape {layer.shape if several else np.shape(weights)}"
            raise InputError(f"{shape}; the last two must be the numbers of tokens, {expected}.")
    return layers


def _names(layers: Sequence[np.ndarray]) -> list[str]:
    each = [(number, head) for number, layer in enumerate(layers) for head in range(len(layer))]
    return [f"layer {i} · head {j}" if len(layers) > 1 else f"head {j}" for i, j in each]


def _colours(values: np.ndarray) -> tuple[Sequence[str], tuple[float, float]]:
    """The colours of weights, and the values that the first and the last stand for."""
    finite = values[np.isfinite(values)]
    low, top = (float(f(finite, initial=0)) for f in (np.min, np.max))
    if low < 0:  # heads that were mixed after the softmax
        return SIGNED, (-max(-low, top), max(-low, top))
    return HEAT, (0.0, top or 1.0)


def _arranged(layers: Sequence[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """Put panels in rows, one for each layer or as it fits, and say how large a cell is."""
    shape = layers[0].shape[1:]
    if len(layers) > 1:
        return list(layers), _cell(max(map(len, layers)), len(layers), shape)
    heads, choices = layers[0], range(1, min(len(layers[0]), ACROSS) + 1)
    sizes = {across: _cell(across, math.ceil(len(heads) / across), shape) for across in choices}
    across = max(choices, key=lambda across: (sizes[across], across))
    return [heads[i : i + across] for i in range(0, len(heads), across)], sizes[across]


def _cell(across: int, down: int, shape: tuple[int, ...], largest: float = LARGEST) -> float:
    """The size of a cell in inches, for so many panels side by side and below each other."""
    height, width = shape
    longer = max(across * width, down * height)
    readable = max(CELL, LEAST / longer, NAMED / width if across > 1 else 0)
    return min(readable, largest / longer)


def _panels(
    sheet: Sheet,
    rows: Sequence[Any],
    cell: float,
    colours: Sequence[str],
    between: tuple[float, float],
) -> list[list["Axes"]]:
    """Draw rows of panels with square cells."""
    height, width = (size * cell for size in rows[0][0].shape)
    page = max(map(len, rows)) * (width + GAP) - GAP, len(rows) * (height + GAP) - GAP
    sheet.figure.set_size_inches(*page)
    panels: list[list[Axes]] = []
    for down, row in enumerate(rows):
        panels.append([])
        for right, grid in enumerate(row):
            left, bottom = right * (width + GAP), page[1] - down * (height + GAP) - height
            place = left / page[0], bottom / page[1], width / page[0], height / page[1]
            axes = sheet.figure.add_axes(place)
            heat_map(axes, grid, colours, between)
            axes.tick_params(which="both", pad=3, labeltop=True, labelbottom=False)
            panels[-1].append(axes)
    return panels


def _label(
    sheet: Sheet, panels: list[list["Axes"]], rows: Labels, columns: Labels, cell: float
) -> None:
    """Put the tokens at the left of the first panels, and above those with nothing above them."""
    above = 0
    for row in panels:
        _mark(sheet, row[0].yaxis, rows, cell)
        for axes in row[above:]:
            _mark(sheet, axes.xaxis, columns, cell)
        above = max(above, len(row))


def _mark(sheet: Sheet, axis: Any, labels: Labels, cell: float) -> None:
    """Label the cells; above a panel, those that are too wide stand upright."""
    for text in label_cells(sheet, axis, labels, cell):
        if axis.axis_name == "x" and is_wide(width_of(text.get_text()), cell):
            text.set(rotation=90, verticalalignment="bottom")


def _scale(sheet: Sheet, axes: "Axes", height: float) -> None:
    """Put the scale of the colours to the right of the panels."""
    inch_x, inch_y = 1 / sheet.figure.get_size_inches()
    place = 1 + 0.15 * inch_x, 1 - height * inch_y, 0.1 * inch_x, height * inch_y
    beside = sheet.figure.add_axes(place)
    beside.grid(False)
    sheet.figure.colorbar(axes.images[0], cax=beside).outline.set(color=QUIET, linewidth=0.6)
    beside.tick_params(length=2)
