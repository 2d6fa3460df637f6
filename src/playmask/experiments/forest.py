"""The picture of an experiment's claims: a forest plot, a line for each claim."""

import math
import textwrap
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from playmask.errors import InputError
from playmask.experiments.verdicts import CONFIDENCE, NO, UNDECIDED, YES, Verdict
from playmask.inspection.draw.colours import FAINT, INK, LINES, QUIET
from playmask.inspection.draw.sheet import TEXT, drawn

ROW, HEAD, WIDTH = 0.42, 0.9, 5.2  # inches: a line, above and below, the plot
LETTERS = 56  # of a line of a claim's text
LINEAR = 1.0  # per cent, from which on the axis is logarithmic
COLOURS = {YES: LINES[2], NO: LINES[1], UNDECIDED: QUIET}
AXIS = "better by, per cent of the second variant"
CAPTION = (
    "By how much the first of two variants is better, in parts of the second: the mean over pairs "
    f"of equal seeds, and its interval of {CONFIDENCE:.0%} by Student's t. Shaded is where the "
    "claim holds. The axis is logarithmic beyond 1 per cent."
)


def forest(verdicts: Sequence[Verdict | None], path: str | Path, *, title: str) -> None:
    """Draw how much better left is than right, for each claim that was measured.

    Raises: InputError if nothing was measured, or the picture cannot be written
    """
    measured = [(n, each) for n, each in enumerate(verdicts, 1) if each is not None]
    if not measured:
        raise InputError("No claim was measured, so that there is nothing to draw.")
    names = [textwrap.wrap(f"{n}. {v.claim.text}", LETTERS) for n, v in measured]
    words = [f"{each.word}, {_count(len(each.gains))}" for _, each in measured]
    with drawn(path, [*chain(*names), *words, AXIS], title=title, caption=CAPTION) as sheet:
        sheet.figure.set_size_inches(WIDTH, ROW * len(measured) + HEAD)
        axes = sheet.figure.subplots()
        reach = [abs(x) for _, v in measured for x in _percents(v) if math.isfinite(x)]
        edge = 1.5 * max(2.0, *reach)
        axes.set_xscale("symlog", linthresh=LINEAR, linscale=0.6)
        axes.set_xlim(-edge, edge)
        axes.grid(axis="y", visible=False)
        for place, (_, own) in enumerate(measured):
            least, most = (_clipped(b / _unit(own), edge) for b in own.bounds)
            axes.fill_betweenx([place - 0.5, place + 0.5], least, most, color=FAINT, linewidth=0)
            gain, low, high = (_clipped(x, edge) for x in _percents(own))
            colour = COLOURS[own.word]
            axes.plot([low, high], [place, place], "-", color=colour)
            axes.plot(gain, place, "o", color=colour, markersize=6)
            axes.text(1.02, place, sheet.drawable(words[place]), color=colour,
                      transform=axes.get_yaxis_transform(), va="center")  # fmt: skip
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_ylim(len(measured) - 0.5, -0.5)
        labels = ["\n".join(map(sheet.drawable, lines)) for lines in names]
        axes.set_yticks(range(len(measured)), labels, color=INK, size=TEXT)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
        axes.set_xlabel(sheet.drawable(AXIS))


def _unit(verdict: Verdict) -> float:
    """A per cent of what the second variant has."""
    return abs(verdict.right) / 100 or 1.0


def _percents(verdict: Verdict) -> tuple[float, float, float]:
    """The gain and the ends of its interval, in per cent."""
    unit = _unit(verdict)
    low, high = verdict.interval
    return verdict.gain / unit, low / unit, high / unit


def _clipped(value: float, edge: float) -> float:
    return min(max(value, -edge), edge)


def _count(seeds: int) -> str:
    return "1 seed" if seeds == 1 else f"{seeds} seeds"
