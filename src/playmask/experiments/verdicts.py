"""Verdicts: whether what was measured supports a claim, with a confidence interval over seeds."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from playmask.experiments.plan import METRICS, RELATIONS, Claim

CONFIDENCE = 0.95
YES, NO, UNDECIDED = "yes", "no", "not decided at this scale"


class Verdict(NamedTuple):
    """What seeds say of a claim.

    left, right: the means of both variants over the seeds that both have; gains: by how much left
    is better than right (of losses and times: less), for each of these seeds; bounds: between which
    gains the claim holds
    """

    claim: Claim
    left: float
    right: float
    gains: tuple[float, ...]
    bounds: tuple[float, float]

    @property
    def gain(self) -> float:
        """The mean of the gains."""
        return float(np.mean(self.gains))

    @property
    def error(self) -> float:
        """The standard error of the mean, NaN of one seed."""
        count = len(self.gains)
        return float(np.std(self.gains, ddof=1)) / math.sqrt(count) if count > 1 else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The confidence interval of the mean by Student's t, of one seed without end."""
        from scipy.special import stdtrit

        if len(self.gains) == 1:
            return -math.inf, math.inf
        reach = float(stdtrit(len(self.gains) - 1, (1 + CONFIDENCE) / 2)) * self.error
        return self.gain - reach, self.gain + reach

    @property
    def word(self) -> str:
        """Yes where the interval is within the bounds, no where it is outside, or not decided."""
        (low, high), (least, most) = self.interval, self.bounds
        if least < low and high < most:
            return YES
        return NO if high < least or most < low else UNDECIDED


def verdict(claim: Claim, results: Sequence[dict[str, Any]]) -> Verdict | None:
    """The verdict on a claim, paired by seed; None where no seed has both variants."""
    values = {
        name: {
            each["settings"]["seed"]: each["metrics"][claim.metric]
            for each in results
            if (each["settings"]["task"], each["settings"]["variant"]) == (claim.task, name)
            and claim.metric in each["metrics"]
        }
        for name in (claim.left, claim.right)
    }
    seeds = sorted(values[claim.left].keys() & values[claim.right].keys())
    if not seeds:
        return None
    left, right = (np.array([values[n][s] for s in seeds]) for n in (claim.left, claim.right))
    gains = (left - right) * (1 if METRICS[claim.metric].higher else -1)
    unit = claim.margin * abs(float(right.mean()))
    least, most = (math.copysign(math.inf, b) if math.isinf(b) else b * unit
                   for b in RELATIONS[claim.relation])  # fmt: skip
    return Verdict(
        claim, float(left.mean()), float(right.mean()), tuple(map(float, gains)), (least, most)
    )
