"""Values as HTML for notebooks: a table of types, and a function for each that draws it.

IPython asks for HTML by a type's name (`register`), so that the classes need not know of it, and
nothing here is imported before something is shown. Nothing that is shown is run, compiled or copied
from a device.
"""

import sys
from typing import TYPE_CHECKING, Any

from playmask.inspection.notebook.renderers import RENDERERS
from playmask.lazy import find_submodules

if TYPE_CHECKING:
    from playmask.inspection.notebook.fragments import Html


def show(value: Any) -> "Html":
    """Draw a value as HTML that stands alone, for a notebook or a file.

    Models, load reports, architectures, masks, encodings, predictions, mentions, explanations,
    attention maps, class reports and the history of a training; lists and dicts of these too. In
    IPython a cell that ends with one of them shows it without this. What is returned is a str that
    notebooks show; long things are cut, with the rest counted.
    Raises: InputError for anything else

    Example:
        >>> page = show(Window(2) & Ordered())
        >>> page.startswith('<div class="playmask">'), "<script" in page
        (True, False)

    """
    from playmask.inspection.notebook.several import draw

    return draw(value)


def register(formatter: Any = None) -> None:
    """Let a formatter of IPython's, by default that of the session for HTML, draw these types."""
    if formatter is None:
        shell = sys.modules["IPython"].get_ipython()
        if shell is None:
            return  # imported by a program, where nothing is shown
        formatter = shell.display_formatter.formatters["text/html"]
    for name in RENDERERS:
        formatter.for_type_by_name(*name.split(":"), show)


find_submodules(__name__)
