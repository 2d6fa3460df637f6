"""The likeliest spans of a passage, and the marks by which its tokens are told apart."""

from typing import Any

import numpy as np
import numpy.typing as npt

from playmask.labelling.candidates import HIDDEN, above
from playmask.runtime.engine import Run
from playmask.tasks.selection import Selection

Array = npt.NDArray[Any]

CANDIDATES = 64  # spans of a window that are looked at
SHOWN, BEGINS = 1, 2
"""Marks of a passage's tokens: those that are visible, and where spans may begin in prediction,
which is so in one window only; all else is 0."""


def likeliest(run: Run, inputs: dict[str, Array]) -> dict[str, Array]:
    """The likeliest spans that begin here: log-odds against none, and places (B, K).

    total: the odds of all such spans together, (B,)
    """
    logits = run(inputs)["logits"]
    longest = (logits.shape[1] - 1) // inputs["marks"].shape[1]
    begins = np.repeat(inputs["marks"] == BEGINS, longest, axis=1)
    odds = np.where(begins, logits[:, 1:] - logits[:, :1], HIDDEN)
    places, best = above(odds, HIDDEN / 2, CANDIDATES)
    return {"odds": best, "places": places, "total": np.logaddexp.reduce(odds, axis=1)}


LIKELIEST = Selection(lambda network: network.candidates, likeliest)
