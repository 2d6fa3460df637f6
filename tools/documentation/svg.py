"""Small SVG pictures that bring their own paper, light or dark as the reader prefers.

A picture is 360 units wide, the width of a phone. Its labels are names and numbers of the library,
so that one picture serves both languages. The same marks always make the same text.
"""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from playmask.inspection.draw.colours import DARK, LIGHT

WIDE = 360
SHADES = 12
"""How many tones a heat map has, so that the last bits of a float change no picture."""
SANS = "-apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'Noto Sans Mono CJK SC', monospace"
HUES = {"yes": ("#2f6fb0", "#6fa8dc"), "hot": ("#c0562a", "#e88a5f"), "new": ("#3c7d5a", "#69b58c")}
"""What a mask allows or a score is for, what a score is against, what a step adds: light, dark."""


def _style() -> str:
    """The classes of all marks, and their colours on dark paper."""

    def rules(paper: dict[str, str], hues: dict[str, str]) -> str:
        fills = {**{name: paper[name] for name in ("paper", "ink", "quiet", "faint")}, **hues}
        lines = "".join(f".{name}{{fill:{colour}}}" for name, colour in fills.items())
        strokes = "".join(f".l-{name}{{stroke:{colour}}}" for name, colour in fills.items())
        return f"{lines}{strokes}"

    light = rules(LIGHT, {name: each[0] for name, each in HUES.items()})
    dark = rules(DARK, {name: each[1] for name, each in HUES.items()})
    fonts = f"text{{font-family:{SANS};font-size:13px}}.mono{{font-family:{MONO};font-size:12px}}"
    lines = "[class^=l-]{fill:none;stroke-width:1.2}.tint{fill:#2f6fb0;fill-opacity:.16}"
    return f"<style>{fonts}{lines}{light}@media (prefers-color-scheme:dark){{{dark}}}</style>"


def picture(title: str, height: float, marks: Iterable[str], wide: float = WIDE) -> str:
    """A whole file."""
    size = f'viewBox="0 0 {wide:g} {height:g}" width="{wide:g}" height="{height:g}"'
    paper = f'<rect class="paper" width="{wide:g}" height="{height:g}" rx="6"/>'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title>",
        _style(),
        paper,
        *marks,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def text(
    x: float,
    y: float,
    words: object,
    kind: str = "ink",
    *,
    at: str = "start",
    size: float = 13,
    turned: bool = False,
) -> str:
    """One line, whose base is at y; the kinds are colours, with "mono" for code.

    turned: it goes up from (x, y)
    """
    up = f' transform="rotate(-90 {x:g} {y:g})"' if turned else ""
    style = "" if size == 13 else f' style="font-size:{size:g}px"'
    anchor = "" if at == "start" else f' text-anchor="{at}"'
    place = f'x="{x:g}" y="{y:g}"{up}'
    return f'<text class="{kind}" {place}{anchor}{style}>{escape(str(words))}</text>'


def box(x: float, y: float, wide: float, high: float, kind: str, *, line: str = "") -> str:
    """A filled box; `line` is the colour of its edge, where it has one."""
    edge = f'<rect class="l-{line}" x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="4"/>'
    fill = f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="4"/>'
    return fill + edge if line else fill


def path(steps: str, kind: str = "quiet", *, arrow: bool = False) -> str:
    """A line along the steps of SVG; an arrow ends with a head that points down."""
    drawn = f'<path class="l-{kind}" d="{steps}"/>'
    if not arrow:
        return drawn
    x, y = steps.replace("V", " V ").split()[0].strip("M").split(",")[0], steps.rpartition("V")[2]
    return drawn + f'<path class="{kind}" d="M{x},{y}l-4,-6h8z"/>'


def cells(x: float, y: float, values: object, size: float) -> str:
    """A matrix of squares: booleans are filled or not, numbers from -1 to 1 are shaded.

    Shapes: values (T, S); what is positive has the colour of `yes`, what is negative that of `hot`
    """
    grid = np.asarray(values)
    rows, columns = grid.shape
    tones = np.rint(grid.astype("float32") * SHADES).astype(int)
    gap = 1 if size >= 8 else 0
    marks = [
        f'<rect class="faint" x="{x:g}" y="{y:g}" width="{columns * size:g}" '
        f'height="{rows * size:g}"/>'
        if gap == 0
        else _squares(x, y, np.ones_like(tones, bool), size, gap, 'class="faint"')
    ]
    for tone in sorted(set(tones.ravel().tolist()) - {0}):
        kind = "yes" if tone > 0 else "hot"
        shade = "" if abs(tone) == SHADES else f' fill-opacity="{abs(tone) / SHADES:.2f}"'
        marks.append(_squares(x, y, tones == tone, size, gap, f'class="{kind}"{shade}'))
    return "".join(marks)


def _squares(x: float, y: float, where: np.ndarray, size: float, gap: float, style: str) -> str:
    """All squares of one tone, as one path; those side by side are one where nothing parts them."""
    steps = []
    for row, line in enumerate(where):
        column = 0
        while column < len(line):
            run = 1
            if line[column]:
                while not gap and column + run < len(line) and line[column + run]:
                    run += 1
                left, top, wide = x + column * size, y + row * size, run * size - gap
                steps.append(f"M{left:g},{top:g}h{wide:g}v{size - gap:g}h-{wide:g}z")
            column += run
    return f'<path {style} d="{"".join(steps)}"/>'


def numbered(
    x: float, y: float, values: object, size: float, rows: Sequence[object], columns: Sequence
) -> str:
    """A matrix with a number, or a sign, for each of its rows and columns."""
    marks = [cells(x, y, values, size)]
    middle = size / 2
    for place, label in enumerate(rows):
        marks.append(
            text(x - 5, y + place * size + middle + 4, label, "quiet mono", at="end", size=11)
        )
    for place, label in enumerate(columns):
        marks.append(
            text(x + place * size + middle, y - 5, label, "quiet mono", at="middle", size=11)
        )
    return "".join(marks)
