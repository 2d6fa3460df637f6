"""Explanations: which characters carried a task's answer."""

from playmask.inspection.explain.explanation import Explanation
from playmask.inspection.explain.integrated import integrated_gradients
from playmask.lazy import find_submodules

__all__ = ["Explanation", "integrated_gradients"]

find_submodules(__name__)
