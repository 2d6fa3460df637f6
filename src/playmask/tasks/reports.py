"""What an evaluation shows by class."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy.typing as npt

from playmask.errors import ConfigError
from playmask.metrics.sets import Support


class ClassReport(NamedTuple):
    """Scores of each class, and which class was taken for which.

    matrix: counts, a row for each target, a column for each prediction; names: of its rows
    """

    by_class: Mapping[str, Support]
    matrix: npt.NDArray[Any]
    names: Sequence[str]


def rule_of(task: str, metrics: Mapping[str, Any], name: str | None) -> Any:
    """The rule of a task's metrics that has a name; without one, the first, if there is any.

    Raises: ConfigError where there is none
    """
    if name is not None and name not in metrics:
        known = ", ".join(metrics) or "one way alone"
        raise ConfigError(f"There is no metric {name!r}; a task {task!r} knows {known}.")
    return metrics.get(name or next(iter(metrics), ""))
