"""A task's answers to some examples, beside which those of the same task in 8 bits are measured."""

from collections.abc import Mapping
from typing import Any

from playmask.errors import ConfigError
from playmask.metrics.agreement import agreement
from playmask.onnx.exported import Comparison
from playmask.tasks.exported import NetworkNeeded


class Reference:
    """What a task in float32 answers to examples, and its scores there.

    Raises: ConfigError for a task whose measure needs more than its answers; DataError
    """

    def __init__(self, task: Any, data: Any) -> None:
        self.examples = task.read_references(data)
        try:
            self.scores, self.answers = self._of(task)
        except NetworkNeeded:
            raise ConfigError(
                f"A task {task.name!r} is measured by its loss, which no export computes; leave "
                "evaluate= out (--evaluate)."
            ) from None
        self.measure = task.best if task.best in self.scores else next(iter(self.scores))

    def beside(self, task: Any) -> Comparison:
        """The same task in 8 bits, measured on the same examples."""
        scores, answers = self._of(task)
        same = agreement(self.answers, answers)
        before, after = (float(each[self.measure]) for each in (self.scores, scores))
        return Comparison(self.measure, before, after, same, len(self.examples))

    def _of(self, task: Any) -> tuple[Mapping[str, float], list[Any]]:
        scores = None if task.scores_answers else task.evaluate(self.examples)
        answers = task.answer(self.examples)
        if scores is None:
            scores = task.measure(self.examples, answers)
        return scores, [*map(task.answer_json, self.examples, answers)]
