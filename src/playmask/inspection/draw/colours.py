"""The colours of all drawings."""

from collections.abc import Sequence

INK, QUIET, FAINT, PAPER = "#1f2a3a", "#6b7687", "#e3e7ec", "#ffffff"
LIGHT = {"paper": PAPER, "ink": INK, "quiet": QUIET, "faint": FAINT}
DARK = {"paper": "#15191f", "ink": "#dfe5ec", "quiet": "#93a0b0", "faint": "#2c343f"}
"""Of pages, by the reader's preference."""
HEAT = ("#f5f8fc", "#a9cbe8", "#3a7fc0", "#0b2545")  # from none to most
LINES = ("#1f5fa8", "#c0612b", "#3c7d5a", "#7a4f9a")
SIGNED = ("#5b9bd8", "#ffffff", "#ef7d6b")  # against, nothing, for: ink is readable on all
MARKS = (
    "#cfe2f6",
    "#fbdcc6",
    "#cfead6",
    "#e6d7f0",
    "#fbeab0",
    "#f7cfd5",
    "#cdeaea",
    "#e3e0d3",
)  # backgrounds of labels, in turn
DEEP_MARKS = (
    "#3a7fc0", "#d0702a", "#3c9d5a", "#8a5bb0", "#b58a0a", "#c9485b", "#2a9494", "#857a5a",
)  # fmt: skip  # lines below what has a label, of the same hues
VISIBLE = 0.04  # of the strongest: what is less is not coloured


def tint(share: float, colours: Sequence[str] = SIGNED) -> str:
    """Mix the colour of a share from -1, the first colour, to 1, the last, as "#rrggbb"."""
    against, nothing, towards = (channels(colour) for colour in colours)
    share = min(max(share, -1.0), 1.0)
    end = towards if share > 0 else against
    mixed = (n + (e - n) * abs(share) for n, e in zip(nothing, end, strict=True))
    return "#" + "".join(f"{round(channel):02x}" for channel in mixed)


def veil(share: float) -> str:
    """The same colour as one that lies on paper of any colour, for a page."""
    end = SIGNED[2 if share > 0 else 0]
    return f"rgb({' '.join(map(str, channels(end)))} / {min(abs(share), 1):.2f})"


def channels(colour: str) -> list[int]:
    """Red, green and blue, from 0 to 255, of a colour "#rrggbb"."""
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
