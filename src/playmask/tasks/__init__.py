"""Tasks: what people do with a Transformer; one file each, one interface for all."""

from playmask.tasks.classify import Prediction, TextClassifier
from playmask.tasks.task import Task, load_task

TASKS: dict[str, type[Task]] = {task.kind: task for task in (TextClassifier,)}

__all__ = ["TASKS", "Prediction", "Task", "TextClassifier", "load_task"]
