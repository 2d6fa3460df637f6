"""Random replacement of the tokens that a writer reads of a target, against exposure bias."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from playmask.runtime.padding import Batch

ROWS = 0.5  # of a batch, in which tokens are replaced


class Written(NamedTuple):
    """The input that holds tokens which are written, and where in it these stand.

    Shapes: places bool (B, T)
    """

    name: str
    places: npt.NDArray[Any]


@runtime_checkable
class Writing(Protocol):
    """A task that learns to write on from the tokens before."""

    def written(self, batch: Batch) -> Written:
        """The tokens of a prepared batch that are predicted, and read to predict others."""


def replaced(
    tokens: npt.NDArray[Any],
    places: npt.NDArray[Any],
    share: float,
    random: np.random.Generator,
) -> npt.NDArray[Any]:
    """Exchange a share of the tokens at some places, in half of the rows, for others from there.

    Shapes: tokens int (B, T), places bool (B, T) -> int (B, T)
    Source: Su 2020 (kexue 7259): half of the targets stay, in the others 30 % of the tokens become
            any token of the same target
    """
    rows = random.random((len(tokens), 1)) < ROWS
    chosen = places & rows & (random.random(tokens.shape) < share)
    count = places.sum(axis=1, keepdims=True)
    order = np.argsort(~places, axis=1, kind="stable")  # the places of each row come first
    others = (random.random(tokens.shape) * count).astype("int64")
    sources = np.take_along_axis(order, others, axis=1)
    return np.where(chosen, np.take_along_axis(tokens, sources, axis=1), tokens)
