"""What a network learns from: rows, and what it should answer to them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy.typing as npt

from playmask.runtime.padding import Row


class Encoded(NamedTuple):
    """The network's inputs for some examples, and what it should answer to each: the targets.

    examples: the number of the example that each row is of; None = each has one row
    """

    rows: Sequence[Row]
    targets: npt.NDArray[Any]
    examples: Sequence[int] | None = None
