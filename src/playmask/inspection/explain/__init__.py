"""Explanations: which characters carried a task's answer."""

from playmask.inspection.explain.explanation import Explanation
from playmask.inspection.explain.integrated import integrated_gradients

__all__ = ["Explanation", "integrated_gradients"]
