"""Tasks: what people do with a Transformer; one file each, one interface for all."""

from importlib import import_module
from typing import Any

from playmask.lazy import submodule
from playmask.tasks.registry import TASKS

_HOME = {
    **{str(home).partition(":")[2]: str(home).partition(":")[0] for home in TASKS.values()},
    "Answer": "playmask.tasks.reading.base",
    "CrossValidation": "playmask.tasks.cross_validation",
    "Ensemble": "playmask.tasks.ensemble",
    "Fill": "playmask.tasks.writing.mask_fill",
    "Found": "playmask.tasks.similarity.index",
    "MultiPrediction": "playmask.tasks.classification.answers",
    "Prediction": "playmask.tasks.classification.answers",
    "PromptedSpan": "playmask.tasks.extraction.universal",
    "Ranked": "playmask.tasks.similarity.reranker",
    "SentenceIndex": "playmask.tasks.similarity.index",
    "Task": "playmask.tasks.task",
    "cross_validate": "playmask.tasks.cross_validation",
    "load_exported": "playmask.tasks.exported",
    "load_task": "playmask.tasks.loading",
    "mine_negatives": "playmask.tasks.similarity.mining",
}
"""The public names, and the module each lives in; imported when they are first used."""

__all__ = ["TASKS", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        return submodule(__name__, name)
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
