"""What HTML fragments are put together of: escaped texts, tables, folds, cuts, and the style.

A fragment is self-contained: a `div` with its own styles, which reach nothing outside it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from playmask.inspection.draw.colours import DARK, HEAT, LIGHT
from playmask.inspection.draw.page import FONTS, escaped

T = TypeVar("T")

ROWS, LETTERS = 40, 2_000  # of a table, of a text

LIGHTS, DARKS = (
    "; ".join(f"--{name}: {colour}" for name, colour in each.items()) for each in (LIGHT, DARK)
)
AT_NIGHT = f"{{ {DARKS}; color-scheme: dark; p.text span.m {{ --mark: var(--name); }} }}"
LIGHT_HTML, DARK_HTML = (f'[theme="{n}"], [data-theme="{n}"]' for n in ("light", "dark"))
LIGHT_BODY, DARK_BODY = (
    f'[data-jp-theme-light="{light}"], .vscode-{name}, [data-md-color-scheme="{scheme}"]'
    for light, name, scheme in (("true", "light", "default"), ("false", "dark", "slate"))
)
"""How JupyterLab, VS Code, Colab and others mark a theme that may differ from the system's."""

STYLE = f"""\
.playmask {{ {LIGHTS}; color-scheme: light; background: var(--paper); color: var(--ink);
  max-width: 60rem; padding: 0.6em 0.8em; border: 1px solid var(--faint); border-radius: 0.4em;
  overflow-x: auto; font: 0.875rem/1.5 {FONTS}; }}
@media (prefers-color-scheme: dark) {{
  html:not({LIGHT_HTML}) body:not({LIGHT_BODY}) .playmask {AT_NIGHT} }}
:is(html:is({DARK_HTML}), body:is({DARK_BODY})) .playmask {AT_NIGHT}
.playmask.playmask {{  /* stronger than a notebook's own tables */
  article + article {{ margin-top: 0.6em; }}
  header {{ margin: 0 0 0.3em; }}
  header > b {{ font-size: 1.05em; margin-right: 0.6em; }}
  header span, .more, .note, th, figcaption, summary, .quiet {{ color: var(--quiet); }}
  .more, .note {{ margin: 0.3em 0; font-size: 0.9em; }}
  table {{ border-collapse: collapse; margin: 0.2em 0; font-size: 0.95em; }}
  table :is(th, td) {{ text-align: left; vertical-align: top; padding: 0.1em 1em 0.1em 0;
    border: 0; background: none; overflow-wrap: anywhere; }}
  table td.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
  table tr {{ background: none; border-bottom: 1px solid var(--faint); }}
  th {{ font-weight: normal; white-space: nowrap; }}
  details {{ margin: 0.3em 0; }}
  summary {{ cursor: pointer; }}
  figure {{ display: inline-block; margin: 0.3em 0.8em 0.3em 0; vertical-align: top; }}
  .wide {{ margin: 0.3em 0; color: var(--quiet); }}
  svg {{ display: block; max-width: none; }}
  svg text {{ fill: var(--quiet); font-size: 10px; }}
  svg line {{ stroke: var(--faint); }}
  svg image {{ image-rendering: pixelated; }}
  .bar {{ display: inline-block; height: 0.7em; border-radius: 0.15em; background: {HEAT[2]}; }}
}}"""


class Html(str):
    """HTML that stands as it is; any other text is escaped on its way into it."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"<HTML of {len(self):,} characters>"


def html(value: Any, letters: int = LETTERS) -> Html:
    """A value as HTML: its text is escaped, cut, and kept apart from the direction around it."""
    if isinstance(value, Html):
        return value
    text = str(value)
    beyond = len(text) - letters
    more = f'<span class="quiet"> … and {beyond:,} more characters</span>' if beyond > 0 else ""
    return Html(f"<bdi>{escaped(text[:letters])}</bdi>{more}")


def joined(parts: Iterable[Any]) -> Html:
    """Values one after another."""
    return Html("".join(map(html, parts)))


def element(name: str, *inside: Any, **attributes: Any) -> Html:
    """An element of HTML; an attribute `class_` is its class, one that is None is left out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{said}>{joined(inside)}</{name}>")


class Fragment(NamedTuple):
    """A drawn value: its kind, one line about it, what is below, and styles of its own."""

    title: str
    about: Any
    body: Html
    style: str = ""


def drawn(fragment: Fragment) -> Html:
    """A value without the styles, to stand among others."""
    head = element("header", element("b", fragment.title), element("span", fragment.about))
    return element("article", head, fragment.body)


def whole(fragments: Sequence[Fragment], *below: Html) -> Html:
    """Values below each other, with the styles that they need, once."""
    styles = "\n".join(dict.fromkeys(each.style for each in fragments if each.style))
    scoped = f"\n.playmask {{\n{styles}\n}}" if styles else ""
    style = Html(f"<style>\n{STYLE}{scoped}\n</style>")
    return element("div", style, *map(drawn, fragments), *below, class_="playmask")


def beginning(values: Sequence[T], most: int, things: str) -> tuple[Sequence[T], Html]:
    """As many values as may be shown, and a line that counts the rest."""
    rest = len(values) - most
    line = element("p", f"… and {rest:,} more {things}", class_="more") if rest > 0 else Html("")
    return values[:most], line


def table(
    rows: Sequence[Sequence[Any]],
    things: str = "rows",
    *,
    head: Sequence[str] = (),
    most: int = ROWS,
) -> Html:
    """A table of the first rows; numbers stand at the right."""
    first, more = beginning(rows, most, things)
    heads = [element("tr", *(element("th", name) for name in head))] if head else []
    lines = [element("tr", *map(_cell, row)) for row in first]
    return joined([element("table", *heads, *lines), more])


def _cell(value: Any) -> Html:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number:
        return element("td", value)
    return element("td", f"{value:,}" if isinstance(value, int) else f"{value:.4g}", class_="n")


def fields(pairs: Iterable[tuple[str, Any]]) -> Html:
    """Names with their values."""
    rows = (element("tr", element("th", name), _cell(value)) for name, value in pairs)
    return element("table", *rows)


def label(text: str, x: float, y: float, **attributes: Any) -> Html:
    """A text of an SVG, which is a paragraph with a direction of its own."""
    return element("text", Html(escaped(text)), x=f"{x:g}", y=f"{y:g}", **attributes)


def fold(title: Any, *inside: Any) -> Html:
    """What is behind a line until the reader opens it."""
    return element("details", element("summary", title), *inside)


def notes(lines: Iterable[Any]) -> Html:
    """Lines about what stands above them."""
    return joined(element("p", line, class_="note") for line in lines)
