"""The history of a training as curves: the same panels as those of a picture."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from playmask.inspection.draw.colours import DEEP_MARKS
from playmask.inspection.draw.panels import Panel
from playmask.inspection.draw.runs import AXES, panels_of
from playmask.inspection.notebook.fragments import (
    Fragment,
    Html,
    element,
    fold,
    html,
    joined,
    label,
    notes,
    table,
)
from playmask.inspection.wording import counted
from playmask.runtime.train.watching.history import History

WIDE, HIGH, SIDE, FOOT = 300, 150, 54, 18  # pixels: a panel, the space of its numbers
POINTS = 400  # of a curve

Numbers = npt.NDArray[np.float64]


def history(value: History) -> Fragment:
    """A panel for each kind of measure, and the numbers of the epochs behind a fold."""
    panels = [panel for panel in panels_of(value, value.steps) if panel.curves]
    names = [*value]
    rows = [
        (epoch, *map(float, each))
        for epoch, each in enumerate(zip(*value.values(), strict=True), start=1)
    ]
    numbers = fold("numbers", table(rows, "epochs", head=("epoch", *names)))
    body = joined([*map(_panel, panels), notes([AXES]), numbers])
    return Fragment("History", counted(len(rows), "epoch"), body)


def _panel(panel: Panel) -> Html:
    """The curves of a panel over its axes, and a legend of what they end at."""
    xs = np.concatenate([np.asarray(curve.x, float) for curve in panel.curves])
    ys = np.concatenate([np.asarray(curve.y, float) for curve in panel.curves])
    ys = ys[np.isfinite(ys)]
    left, right = min(xs.min(), 0.0), xs.max()
    low, high = (float(ys.min()), float(ys.max())) if ys.size else (0.0, 1.0)
    high = high if high > low else low + (abs(low) or 1.0) / 10
    marks: list[Any] = []
    for share in (0.0, 0.5, 1.0):
        y = 6 + HIGH * (1 - share)
        marks += [
            element("line", x1=SIDE, x2=SIDE + WIDE, y1=y, y2=y),
            label(f"{low + share * (high - low):.3g}", SIDE - 5, y + 3, text_anchor="end"),
        ]
    ends = ((left, SIDE, "start"), (right, SIDE + WIDE, "end"))
    marks += [label(f"{x:g}", place, HIGH + FOOT, text_anchor=anchor) for x, place, anchor in ends]
    marks.append(label(panel.across, SIDE + WIDE / 2, HIGH + FOOT, text_anchor="middle"))
    legend = []
    for curve in panel.curves:
        colour = DEEP_MARKS[curve.number % len(DEEP_MARKS)]  # seen on dark too
        across = SIDE + WIDE * (np.asarray(curve.x, float) - left) / ((right - left) or 1.0)
        down = 6 + HIGH * (1 - (np.asarray(curve.y, float) - low) / (high - low))
        marks += _line(across, down, colour, 0.45 if curve.faint else 1.0)
        swatch = element("span", "— ", style=f"color: {colour}")
        legend.append(joined([swatch, html(curve.label), "  "]))
    size = {"width": SIDE + WIDE + 8, "height": HIGH + FOOT + 6, "role": "img"}
    return element(
        "figure",
        element("figcaption", element("b", panel.title), f" {panel.up}"),
        element("svg", *marks, **size),
        element("figcaption", *legend) if any(curve.label for curve in panel.curves) else "",
    )


def _line(across: Numbers, down: Numbers, colour: str, opacity: float) -> list[Html]:
    """A curve of so many points at most, broken where it is not finite; few points are dots too."""
    every = -(-len(across) // POINTS)
    points = [*zip(across[::every], down[::every], strict=True)]
    finite = [(x, y) for x, y in points if np.isfinite(y)]
    both = ((a, b) for a, b in pairwise(points) if np.isfinite(a[1]) and np.isfinite(b[1]))
    path = " ".join(f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" for a, b in both)
    style = {"stroke": colour, "stroke_width": "1.5", "fill": "none", "opacity": f"{opacity:g}"}
    drawn = [element("path", d=path, **style)] if path else []
    if len(finite) <= 30:
        drawn += [
            element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.5", fill=colour, opacity=opacity)
            for x, y in finite
        ]
    return drawn
