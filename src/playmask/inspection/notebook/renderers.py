"""The table of the types that are drawn, and what draws each; nothing is imported for it."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playmask.inspection.notebook.fragments import Fragment

    Renderer = Callable[[Any], Fragment]

ROOM = __name__.rpartition(".")[0]

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
    module, _, function = next(filter(None, names), "").partition(":")
    if not module:
        return None
    draw: Renderer = getattr(import_module(f"{ROOM}.{module}"), function)
    return draw
