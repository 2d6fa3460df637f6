"""The fonts for pictures: a bundled one with Chinese, then whatever is installed."""

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

BUNDLED = Path(__file__).parent / "PlaymaskSansSC.ttf"
BASE = ("Playmask Sans SC", "DejaVu Sans")  # the bundled font, and the one of matplotlib
INSTALLED = (  # asked for what BASE lacks, such as rare characters
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC"),
    *("Source Han Sans CN", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback"),
    *("PingFang SC", "Hiragino Sans GB", "Heiti TC", "Arial Unicode MS", "Microsoft YaHei"),
    *("SimHei", "SimSun", "SimSun-ExtB", "Segoe UI Symbol", "Segoe UI Emoji"),
)


def font_families(text: str = "") -> list[str]:
    """Name the fonts that draw the text together, in the order in which matplotlib tries them.

    By this the bundled font becomes known to matplotlib; so it serves pictures of one's own too:
    `matplotlib.rcParams["font.sans-serif"] = font_families()`.
    """
    _register()
    families, missing = list(BASE), _lacking(text, BASE)
    for family in INSTALLED:
        left = _lacking(missing, [family])
        if left != missing:
            families, missing = [*families, family], left
    return families


class Letters:
    """The fonts that some texts need, and the texts as they can be drawn."""

    def __init__(self, texts: Iterable[str]):
        text = "".join(texts)
        self.families = font_families(text)
        self.missing = _lacking(text, self.families)

    def font(self, size: float) -> "FontProperties":
        """The font of a size in points."""
        from matplotlib.font_manager import FontProperties

        return FontProperties(family=self.families, size=size)

    def drawable(self, text: str, longest: int = 200) -> str:
        """Show spaces and control characters, put □ for what no font has, cut what is too long."""
        if text and not text.strip(" "):
            return "␣" * len(text)
        text = text if len(text) <= longest else text[: longest - 1] + "…"
        return "".join(map(self._drawable, text)) or text.encode("unicode_escape").decode()

    def _drawable(self, character: str) -> str:
        kind = unicodedata.category(character)
        if kind == "Cf" or (kind[0] == "M" and character in self.missing):
            return ""  # joiners, directions, the emoji style
        if not character.isprintable():
            return character.encode("unicode_escape").decode()
        return "□" if character in self.missing else character


@cache
def _register() -> None:
    from matplotlib import font_manager

    font_manager.fontManager.addfont(BUNDLED)


@cache
def _characters(family: str) -> frozenset[int]:
    """Return the code points of an installed font; none where it is not installed."""
    from matplotlib import font_manager

    for font in font_manager.fontManager.ttflist:
        if font.name == family:
            return frozenset(font_manager.get_font(font.fname).get_charmap())
    return frozenset()


def _lacking(characters: Iterable[str], families: Iterable[str]) -> set[str]:
    known = frozenset[int]().union(*map(_characters, families))
    return {character for character in characters if ord(character) not in known}
