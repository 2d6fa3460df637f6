"""Values as HTML for notebooks: a table of types, and a function for each that draws it.

IPython asks for HTML by a type's name (`register`), so that the classes need not know of it, and
nothing here is imported before something is shown. Nothing that is shown is run, compiled or copied
from a device.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from playmask.lazy import find_submodules

if TYPE_CHECKING:
    from playmask.inspection.notebook.fragments import Fragment, Html

    Renderer = Callable[[Any], Fragment]

RENDERERS: Mapping[str, str] = {
    "playmask.model.transformer:Transformer": "models:model",
    "playmask.model.architecture:Architecture": "models:architecture",
    "playmask.checkpoints.load_report:Report": "models:report",
    "playmask.model.masks:Mask": "matrices:mask",
    "playmask.inspection.attention_maps:AttentionMaps": "matrices:attention",
    "playmask.tasks.reports:ClassReport": "matrices:confusions",
    "playmask.tokenizers.encoding:Encoding": "texts:encoding",
    "playmask.inspection.explain.explanation:Explanation": "texts:explanation",
    "playmask.data.annotated:Annotated": "texts:mentions",
    "playmask.data.relations:Related": "texts:relations",
    "playmask.data.events:Report": "texts:events",
    "playmask.tasks.classification.answers:Prediction": "answers:prediction",
    "playmask.tasks.classification.answers:MultiPrediction": "answers:prediction",
    "playmask.data.annotated:Mention": "answers:record",
    "playmask.data.relations:Relation": "answers:record",
    "playmask.data.events:Event": "answers:record",
    "playmask.tasks.reading.base:Answer": "answers:record",
    "playmask.tasks.extraction.universal:PromptedSpan": "answers:record",
    "playmask.tasks.similarity.index:Found": "answers:record",
    "playmask.tasks.similarity.reranker:Ranked": "answers:record",
    "playmask.tasks.writing.mask_fill:Fill": "answers:record",
    "playmask.runtime.train.watching.history:History": "curves:history",
}
"""By the type's module and name, the function that draws it; a type's bases count too."""


def renderer(kind: type) -> "Renderer | None":
    """What draws values of a type; None for a type that nothing here draws."""
    names = (RENDERERS.get(f"{base.__module__}:{base.__qualname__}") for base in kind.__mro__)
    if (found := next(filter(None, names), None)) is None:
        return None
    module, _, function = found.partition(":")
    draw: Renderer = getattr(import_module(f"{__name__}.{module}"), function)
    return draw


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
