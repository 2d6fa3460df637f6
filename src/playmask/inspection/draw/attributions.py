"""Texts on backgrounds that say what each piece brought: red for, blue against."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from playmask.errors import InputError
from playmask.inspection.draw.colours import INK, PAPER, QUIET, SIGNED, VISIBLE, tint
from playmask.inspection.draw.sheet import RESOLUTION, TEXT, TITLE, Sheet, drawn
from playmask.untrusted import OBEYED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Pieces = Sequence[tuple[str, float | None]]
"""A whole text in pieces, each with what it brought; None = it was not read."""

WIDE, LINE = 7.0, 0.34  # inches: a line's length and height
BOX, BASE = 0.27, 0.075  # inches: the height of a background, and of what lies below the letters
SPACE, BAR, THICK = 0.16, 1.6, 0.11  # inches: between paragraphs, the scale's length and height
SIZE = 13.0  # points
HANGING = tuple("，。、；：？！）》」』”’…")  # these end a line, never begin one
CAPTION = "Red pieces speak for the answer, blue ones against it; grey ones were not read."
LONGEST, UNREAD = 40, 80  # characters: of what is not broken, and of what was not read


class Run(NamedTuple):
    """What stands together on a line; its place and width in inches."""

    line: int
    left: float
    width: float
    text: str
    score: float | None


def check(texts: Sequence[Pieces]) -> None:
    """Refuse what holds no character."""
    if not any(piece for pieces in texts for piece, _ in pieces):
        raise InputError("There is no text to draw.")


def strongest(texts: Iterable[Pieces]) -> float:
    """The largest score without its sign: what the full colour stands for."""
    return max((abs(score) for pieces in texts for _, score in pieces if score), default=0.0) or 1.0


def attribution_picture(
    texts: Sequence[Pieces],
    path: str | Path,
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Draw texts on coloured backgrounds, wrapped, with the scale and notes below.

    Right-to-left and joined scripts are drawn letter by letter; a page shows them better.
    Units:   scores in whatever was explained
    Raises:  InputError if there is no text, or the picture cannot be written
    """
    check(texts)
    held = [title or "", *(piece for pieces in texts for piece, _ in pieces), *notes]
    with drawn(path, held, caption=CAPTION) as sheet:
        canvas = _Canvas(sheet)
        if title:
            canvas.write(sheet.drawable(title), TITLE, INK)
        for pieces in texts:
            canvas.paragraph(pieces, strongest(texts))
        canvas.scale(strongest(texts))
        for note in notes:
            canvas.write(sheet.drawable(note), TEXT, QUIET)
        canvas.finish()


class _Canvas:
    """Writes from above to below, in inches; `down` is where the next line begins."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.axes: Axes = sheet.figure.add_axes((0, 0, 1, 1))
        self.down, self.wide = 0.0, 0.0
        self.width_of = _measure(sheet)

    def write(self, text: str, size: float, colour: str) -> None:
        """Write one line."""
        self._put(0, self.down + size / 72, text, size, colour)
        self.down += 1.5 * size / 72

    def paragraph(self, pieces: Pieces, top: float) -> None:
        """Write one text."""
        from matplotlib.patches import Rectangle

        self.down += SPACE
        runs = _wrapped(pieces, lambda text: self.width_of(self._shown(text), SIZE))
        for run in runs:
            over, share = self.down + run.line * LINE, (run.score or 0.0) / top
            if abs(share) >= VISIBLE:
                style: dict[str, Any] = {"facecolor": tint(share), "edgecolor": PAPER, "lw": 0.4}
                self.axes.add_patch(Rectangle((run.left, over), run.width, BOX, **style))
            colour = QUIET if run.score is None else INK
            self._put(run.left, over + BOX - BASE, self._shown(run.text), SIZE, colour)
        self.down += (1 + max((run.line for run in runs), default=0)) * LINE

    def scale(self, top: float) -> None:
        """Draw what the colours stand for."""
        from matplotlib.colors import LinearSegmentedColormap

        colours = LinearSegmentedColormap.from_list("playmask", SIGNED)
        against, towards = f"against {-top:.3g}", f"{top:+.3g} for"
        self.down += SPACE
        over, base = self.down, self.down + THICK
        left = self._put(0, base, against, TEXT, QUIET) + 0.08
        self.axes.imshow(
            [[i / 100 for i in range(101)]],
            cmap=colours,
            extent=(left, left + BAR, base, over),
            aspect="auto",
        )
        self._put(left + BAR + 0.08, base, towards, TEXT, QUIET)
        self.down = base + 0.12

    def finish(self) -> None:
        """Make the figure as large as what was written."""
        self.sheet.figure.set_size_inches(self.wide, self.down)
        self.axes.set(xlim=(0, self.wide), ylim=(self.down, 0))
        self.axes.set_axis_off()

    def _put(self, left: float, base: float, text: str, size: float, colour: str) -> float:
        """Write at a place, and return where it ends."""
        font = self.sheet.font(size)
        self.axes.text(left, base, text, color=colour, font=font)
        end = left + self.width_of(text, size)
        self.wide = max(self.wide, end)
        return end

    def _shown(self, text: str) -> str:
        blank = text.isspace() and not OBEYED.search(text)
        return text if blank else self.sheet.drawable(text)


def _measure(sheet: Sheet) -> Callable[[str, float], float]:
    """A function that says how wide a text of a size in points is, in inches, as PNG draws it."""
    from matplotlib.backends.backend_agg import RendererAgg

    make: Callable[..., Any] = RendererAgg  # whose constructor has no types
    renderer = make(1, 1, RESOLUTION)

    @cache
    def width_of(text: str, size: float) -> float:
        font = sheet.font(size)
        width, _, _ = renderer.get_text_width_height_descent(text, font, ismath=False)
        return float(width) / RESOLUTION

    return width_of


def _wrapped(pieces: Pieces, width_of: Callable[[str], float]) -> list[Run]:
    """Break a text into lines: between pieces, and inside those that are longer than a line."""
    runs: list[Run] = []
    line, left = 0, 0.0
    for part, score in _parts(pieces):
        if part == "\n":
            line, left = line + 1, 0.0
            continue
        width = width_of(part)
        if left + width > WIDE and left > 0 and part not in HANGING:
            line, left = line + 1, 0.0
            if part == " ":
                continue
        runs.append(Run(line, left, width, part, score))
        left += width
    return runs


def _parts(pieces: Pieces) -> Iterator[tuple[str, float | None]]:
    """What stays together: a piece that was read, where it is not too long; or a character."""
    for piece, score in pieces:
        cut = piece if score is not None or len(piece) <= UNREAD else piece[: UNREAD - 1] + "…"
        plain = cut.replace("\r\n", "\n").replace("\t", " ")
        whole = score is not None and "\n" not in plain and len(plain) <= LONGEST
        for part in [plain] if whole else plain:
            if part and not (len(part) == 1 and unicodedata.category(part) == "Cf"):
                yield part, score
