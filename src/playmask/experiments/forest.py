"""The picture of an experiment's claims: a forest plot, a line for each claim."""

import math
import textwrap
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from playmask.errors import InputError
from playmask.experiments.verdicts import NO, UNDECIDED, YES, Verdict
from playmask.inspection.draw.colours import FAINT, INK, LINES, QUIET
from playmask.inspection.draw.sheet import TEXT, Sheet, drawing

ROW, HEAD, WIDTH = 0.42, 0.9, 5.2  # inches: a line, above and below, the plot
LETTERS = 56  # of a line of a claim's text
LINEAR = 1.0  # per cent, from which on the axis is logarithmic
COLOURS = {YES: LINES[2], NO: LINES[1], UNDECIDED: QUIET}
AXIS = "better by, per cent of the second variant (logarithmic beyond 1)"


def forest(verdicts: Sequence[Verdict | None], path: str | Path, *, title: str) -> None:
    """Draw how much better left is than right, for each claim that was measured.

    Raises: InputError if nothing was measured, or the picture cannot be written
    """
    drawn = [(n, each) for n, each in enumerate(verdicts, 1) if each is not None]
    if not drawn:
        raise InputError("No claim was measured, so that there is nothing to draw.")
    names = [textwrap.wrap(f"{n}. {v.claim.text}", LETTERS) for n, v in drawn]
    words = [f"{each.word}, {_count(len(each.gains))}" for _, each in drawn]
    with drawing:
        sheet = Sheet(title, [*chain(*names), *words, AXIS])
        sheet.figure.set_size_inches(WIDTH, ROW * len(drawn) + HEAD)
        axes = sheet.figure.subplots()
        reach = max(2.0, *(abs(x) for _, v in drawn for x in _percents(v) if math.isfinite(x)))
        edge = 1.5 * reach
        axes.set_xscale("symlog", linthresh=LINEAR, linscale=0.6)
        axes.set_xlim(-edge, edge)
        for place, (_, own) in enumerate(drawn):
            least, most = (_clipped(b / _unit(own), edge) for b in own.bounds)
            axes.fill_betweenx([place - 0.5, place + 0.5], least, most, color=FAINT, linewidth=0)
            gain, low, high = (_clipped(x, edge) for x in _percents(own))
            colour = COLOURS[own.word]
            axes.plot([low, high], [place, place], "-", color=colour, linewidth=1.6)
            axes.plot(gain, place, "o", color=colour, markersize=6)
            axes.text(1.02, place, sheet.drawable(words[place]), color=colour,
                      font=sheet.font(TEXT), transform=axes.get_yaxis_transform(),
                      verticalalignment="center", parse_math=False)  # fmt: skip
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_ylim(len(drawn) - 0.5, -0.5)
        labels = ["\n".join(map(sheet.drawable, lines)) for lines in names]
        axes.set_yticks(range(len(drawn)), labels, parse_math=False)
        for text in axes.get_yticklabels():
            text.set(color=INK, font=sheet.font(TEXT))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
        axes.set_xlabel(sheet.drawable(AXIS), color=QUIET, font=sheet.font(TEXT))
        axes.tick_params(axis="x", length=2, color=QUIET, **sheet.numbers)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set(color=QUIET, linewidth=0.6)
        sheet.head(axes.set_title("", loc="left"))
        sheet.save(path)


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
