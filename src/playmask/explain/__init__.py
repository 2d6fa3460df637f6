"""Explanations: which characters carried a task's answer."""

from playmask.explain.explanation import Explanation
from playmask.explain.integrated import integrated_gradients

__all__ = ["Explanation", "integrated_gradients"]
