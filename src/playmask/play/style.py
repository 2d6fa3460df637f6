"""The page's colours, those of all drawings, as variables of CSS: light, dark, or the reader's."""

from playmask.inspection.draw.colours import DARK, DEEP_MARKS, HEAT, LIGHT, LINES, MARKS, SIGNED

COMMON = {
    "against": SIGNED[0],
    "for": SIGNED[2],
    **{f"mark-{i}": colour for i, colour in enumerate(MARKS)},
    **{f"deep-{i}": colour for i, colour in enumerate(DEEP_MARKS)},
}
BRIGHT = {**LIGHT, **COMMON, "accent": LINES[0], "heat": HEAT[2], "raised": HEAT[0]}
DIM = {**DARK, **COMMON, "accent": HEAT[1], "heat": SIGNED[0], "raised": "#1b2129"}


def variables() -> str:
    """The style sheet that all others of the page read their colours from."""
    light, dark = (
        " ".join(f"--{name}: {colour};" for name, colour in each.items()) for each in (BRIGHT, DIM)
    )
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        f':root[data-theme="dark"] {{ color-scheme: dark; {dark} }}\n'
        "@media (prefers-color-scheme: dark) {\n"
        f"  :root:not([data-theme]) {{ color-scheme: dark; {dark} }}\n}}\n"
    )
