"""The measure by which epochs are compared: its direction, the best epoch, when to stop."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from playmask.errors import ConfigError, nearest

LOWEST = frozenset({"loss", "perplexity", "mse", "rmse", "mae", "error"})
"""The last words of the measures that are lowest where they are best; others are highest."""
DIRECTIONS = {"highest": True, "lowest": False}

History = Mapping[str, Sequence[float]]


class Measure(NamedTuple):
    """What epochs are compared by; highest: whether the highest value is the best."""

    name: str
    highest: bool

    @classmethod
    def of(cls, text: str | None) -> Self:
        """The measure of a name, perhaps with its direction: "f1", "wer:lowest"; None: the loss.

        Raises: ConfigError for another direction
        """
        name, colon, direction = (text or "loss").partition(":")
        if colon and direction not in DIRECTIONS:
            raise ConfigError(
                f"A measure is best where it is highest or lowest, as in {name}:lowest; "
                f"{direction!r} came."
            )
        default = name.rpartition("_")[2] not in LOWEST
        return cls(name, DIRECTIONS[direction] if colon else default)

    @property
    def key(self) -> str:
        """Its name in a history, where it is that of the validation."""
        return f"val_{self.name}"

    def check(self, names: Iterable[str]) -> None:
        """See that it is one of the measures of a task; raises ConfigError if not."""
        known = [*dict.fromkeys(names)]
        if self.name not in known:
            raise ConfigError(
                f"The task does not measure {self.name!r}; there are {', '.join(known)}."
                f"{nearest(self.name, known)}"
            )


def best_epoch(history: History, measure: Measure) -> int:
    """Which epoch is the best, from 0: the last of those that are best by a measure on validation.

    Without validation the last epoch is the best; a NaN is the worst that there is.
    """
    worth = _worth(history, measure)
    return len(worth) - 1 - worth[::-1].index(max(worth))


def stale_epochs(history: History, measure: Measure) -> int:
    """How many epochs have gone by since the measure was better than ever before."""
    worth = _worth(history, measure)
    return len(worth) - 1 - worth.index(max(worth))


def _worth(history: History, measure: Measure) -> list[float]:
    values = history.get(measure.key, [0.0] * len(history["loss"]))
    sign = 1.0 if measure.highest else -1.0
    return [-math.inf if math.isnan(value) else sign * value for value in values]
