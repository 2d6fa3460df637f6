"""What an evaluation shows by class."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy.typing as npt

from playmask.metrics.sets import Support


class ClassReport(NamedTuple):
    """Scores of each class, and which class was taken for which.

    matrix: counts, a row for each target, a column for each prediction; names: of its rows
    """

    by_class: Mapping[str, Support]
    matrix: npt.NDArray[Any]
    names: Sequence[str]
