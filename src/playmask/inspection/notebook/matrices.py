"""Matrices: masks, attention weights and confusions, a cell as one dot of a small image."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from playmask.errors import PlaymaskError
from playmask.inspection.attention_maps import AttentionMaps
from playmask.inspection.draw.colours import HEAT, SIGNED, channels
from playmask.inspection.draw.terminal import cut, width_of
from playmask.inspection.notebook.fragments import (
    Fragment,
    Html,
    beginning,
    element,
    fields,
    joined,
    label,
    notes,
    table,
)
from playmask.inspection.wording import counted
from playmask.model.masks import Both, Either, Mask, Window
from playmask.tasks.reports import ClassReport

CELL, PANEL, LETTER = 16, 96, 7  # pixels: a cell with a label, a panel without, a letter
SITES, TOKENS, LAYERS, HEADS, CLASSES = 160, 64, 6, 16, 32
ORDERS = ("full", "lm", "unilm", "turns")
NAMED = 8  # columns of a label

Grid = npt.NDArray[Any]


def mask(value: Mask) -> Fragment:
    """A mask over a text of each of the usual orders."""
    length = max(12, *(2 * width for width in _widths(value)), 0)
    side = min(length, SITES)
    segments = [i * 4 // side % 2 for i in range(side)]
    try:
        grids = {order: value.grid(order, segments=segments) for order in ORDERS}
    except PlaymaskError as error:
        return Fragment("Mask", repr(value), notes([error]))
    cell = max(PANEL // side, 1)
    figures = (
        element("figure", picture(grid.astype(float), cell=cell), element("figcaption", name))
        for name, grid in grids.items()
    )
    legend = ["Rows: queries; columns: keys; coloured: the query may look. In quarters of the text "
              "segments are 0, 1, 0, 1."]  # fmt: skip
    legend += [f"The first {side} of {length:,} sites."] * (length > side)
    return Fragment("Mask", repr(value), joined([*figures, notes(legend)]))


def _widths(value: Mask) -> list[int]:
    """The widths of all windows in a mask."""
    if isinstance(value, (Both, Either)):
        return [*_widths(value.first), *_widths(value.second)]
    return [value.width] if isinstance(value, Window) else []


def attention(value: AttentionMaps) -> Fragment:
    """The maps of the first layers and heads; a single one has the tokens at its sides."""
    maps = [*zip(value.layers, value.heads, value.keys, value.weights, strict=True)]
    alone = len(maps) == 1 and len(maps[0][1]) == 1
    first, more = beginning(maps, LAYERS, "layers")
    tokens, beyond = beginning(value.tokens, TOKENS, "tokens")
    cell = CELL if alone else max(PANEL // len(tokens), 2)
    rows = []
    for layer, heads, keys, weights in first:
        inside, rest = beginning(heads, HEADS, "heads")
        grids = weights[: len(inside), :TOKENS, :TOKENS]
        top = float(np.max(np.abs(weights), initial=0, where=np.isfinite(weights))) or 1.0
        sides = (tokens, keys[:TOKENS]) if alone else ((), ())
        names = (f"head {head}" for head in inside)
        figures = (
            element("figure", picture(grid / top, *sides, cell=cell), element("figcaption", name))
            for grid, name in zip(grids, names, strict=True)
        )
        title = f"layer {layer}, the full colour is {top:.2g}"
        rows.append(element("div", element("div", title, class_="quiet"), *figures, rest))
    strip = Html("") if alone else element("p", "  ".join(tokens), class_="wide")
    legend = (
        "Rows: the tokens that look; columns: what they look at; the stronger the colour, the "
        "more; where weights are below zero, these are blue and others red."
    )
    count = sum(map(len, value.heads))
    sizes = ((len(value.tokens), "token"), (len(maps), "layer"), (count, "head"))
    about = ", ".join(counted(size, thing) for size, thing in sizes)
    body = joined([strip, beyond, *rows, more, notes([legend])])
    return Fragment("AttentionMaps", about, body)


def confusions(value: ClassReport) -> Fragment:
    """Which class was taken for which, and the scores of each."""
    names, more = beginning(value.names, CLASSES, "classes")
    counts = np.asarray(value.matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    corner = shares[: len(names), : len(names)]
    legend = "Rows: targets; columns: predictions; the colour is the share of the row."
    scores = [(name, *map(float, each[:3]), int(each[3])) for name, each in value.by_class.items()]
    heads = ("class", "precision", "recall", "F1", "examples")
    parts = [picture(corner, names, names), more, notes([legend])]
    parts.append(table(scores, "classes", head=heads, most=CLASSES))
    right = fields([("right", f"{np.trace(counts):,} of {counts.sum():,}")])
    return Fragment("ClassReport", f"{len(value.names)} classes", joined([right, *parts]))


def picture(
    shares: Grid, rows: Sequence[str] = (), columns: Sequence[str] = (), cell: int = CELL
) -> Html:
    """Shares from -1 to 1 as cells, with labels at the left and above."""
    down, across = shares.shape
    rows, columns = ([cut(name, NAMED) for name in names] for names in (rows, columns))
    left, above = (
        LETTER * max(map(width_of, names), default=0) + 4 * bool(names) for names in (rows, columns)
    )
    place = {"x": left, "y": above, "width": across * cell, "height": down * cell}
    labels = [
        label(name, left - 4, above + (i + 0.7) * cell, text_anchor="end")
        for i, name in enumerate(rows)
    ]
    upright = ((name, left + (i + 0.7) * cell) for i, name in enumerate(columns))
    labels += [
        label(name, x, above - 3, transform=f"rotate(-90 {x:g} {above - 3})") for name, x in upright
    ]
    image = element("image", href=_dots(shares), preserveAspectRatio="none", **place)
    frame = element("rect", fill="none", stroke="currentColor", stroke_opacity="0.3", **place)
    width, height = left + across * cell + 1, above + down * cell + 1
    return element("svg", image, frame, *labels, width=width, height=height, role="img")


def _dots(shares: Grid) -> str:
    """A PNG with a dot for each share, the smaller the paler; two colours where signs differ."""
    from PIL import Image

    filled = np.nan_to_num(np.asarray(shares, "float32"))
    below, above = (SIGNED[0], SIGNED[2]) if (filled < 0).any() else (HEAT[2], HEAT[2])
    dots = np.empty((*filled.shape, 4), "uint8")
    dots[..., :3] = np.where((filled < 0)[..., None], channels(below), channels(above))
    dots[..., 3] = np.round(255 * np.clip(np.abs(filled), 0, 1))
    written = io.BytesIO()
    Image.fromarray(dots).save(written, "PNG")
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
