"""Pages that stand alone: texts on coloured backgrounds, the number under the pointer."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from playmask.inspection.draw.attributions import Pieces, check, strongest
from playmask.inspection.draw.colours import DARK, LIGHT, SIGNED, VISIBLE, veil
from playmask.inspection.draw.sheet import write_whole
from playmask.untrusted import spelled

FONTS = '"Noto Sans SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif'
LIGHTS, DARKS = ("; ".join(f"--{n}: {c}" for n, c in each.items()) for each in (LIGHT, DARK))
STYLE = f"""\
:root {{ color-scheme: light dark; {LIGHTS}; }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {DARKS}; }} }}
body {{ max-width: 46rem; margin: 2rem auto; padding: 0 1.4rem; background: var(--paper);
  color: var(--ink);
  font: 1.15rem/1.9 {FONTS}; }}
h1 {{ font-size: 1.15rem; line-height: 1.4; overflow-wrap: anywhere; }}
footer {{ border-top: 1px solid var(--faint); color: var(--quiet); font-size: 0.8rem;
  padding-top: 0.6rem; }}
footer p {{ margin: 0.2rem 0; }}
"""
TEXTS = """
p.text { white-space: pre-wrap; overflow-wrap: anywhere; }
p.text span { border-radius: 0.15em; padding: 0.18em 0; }
"""
SCALE = f"""
p.text .unread {{ color: var(--quiet); }}
.scale {{ display: inline-block; width: 9rem; height: 0.7rem; margin: 0 0.5rem;
  background: linear-gradient(to right, {SIGNED[0]}, transparent, {SIGNED[2]}); }}"""

UNNAMED = "playmask"  # the title of a page that is given none
PAGE = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
{head}{texts}
<footer>
{footer}
</footer>
</body>
</html>
"""


def attribution_page(
    texts: Sequence[Pieces],
    path: str | Path,
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write texts on coloured backgrounds as an HTML page that needs nothing else.

    Units:   scores in whatever was explained
    Raises:  InputError if there is no text, or the page cannot be written
    """
    check(texts)
    top = strongest(texts)
    footer = [scale(top), *(f"<p>{escaped(note)}</p>" for note in notes)]
    write_page(path, title or "", [paragraph(pieces, top) for pieces in texts], footer, SCALE)


def write_page(
    path: str | Path,
    title: str,
    texts: Iterable[str],
    footer: Iterable[str],
    style: str = "",
) -> None:
    """Write a page of paragraphs in HTML, with a footer and styles besides the usual ones.

    Raises: InputError if it cannot be written
    """
    page = PAGE.format(
        title=escaped(title or UNNAMED),
        head=f'<h1 dir="auto">{escaped(title)}</h1>\n' if title else "",
        style=STYLE + TEXTS + style,
        texts="\n".join(texts),
        footer="\n".join(footer),
    )
    write_whole(path, lambda beside: beside.write_text(page, encoding="utf-8"))


def scale(top: float) -> str:
    """What the colours stand for, up to the strongest score."""
    return f'<p>against {-top:.3g}<span class="scale"></span>{top:+.3g} for</p>'


def paragraph(pieces: Pieces, top: float) -> str:
    """One text on the colours of its scores; its direction is that of its first letter."""
    inside = "".join(_span(piece, score, top) for piece, score in pieces)
    return f'<p class="text" dir="auto">{inside}</p>'


def _span(piece: str, score: float | None, top: float) -> str:
    if score is None:
        return f'<span class="unread" title="not read">{escaped(piece)}</span>'
    if not piece.strip():
        return escaped(piece)
    share = score / top
    colour = f' style="background:{veil(share)}"' if abs(share) >= VISIBLE else ""
    return f'<span title="{score:+.4f}"{colour}>{escaped(piece)}</span>'


def escaped(text: str) -> str:
    """A text as HTML; what a browser would obey, or no page may hold, is written out."""
    return escape(spelled(text, keep="\t\n\r")).replace("\r", "&#13;")
