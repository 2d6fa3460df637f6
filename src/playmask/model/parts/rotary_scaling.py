"""Scaled rotary positions: other angles a token, for texts longer than a model was trained on."""

import math
from typing import Any

import numpy as np

from playmask.errors import ConfigError, brief
from playmask.model.parts.sinusoidal import Frequencies, frequencies
from playmask.model.recipes import recipe


def check_numbers(scaling: Any, *names: str, least: float = 0.0) -> None:
    """Raise ConfigError where a field is no number above `least`."""
    for name in names:
        value = getattr(scaling, name)
        if type(value) not in (int, float) or not least < value < math.inf:
            raise ConfigError(
                f"{name} of {type(scaling).__name__} must be a number above {least:g}, "
                f"not {brief(value)}."
            )


class Scaling:
    """How the angles of rotary positions are changed; a frozen recipe."""

    @property
    def limit(self) -> int | None:
        """How many positions it is exact for; None = any number."""
        return None

    @property
    def amplitude(self) -> float:
        """What rotated queries, and keys, are multiplied with."""
        return 1.0

    def frequencies(self, base: float, size: int) -> Frequencies:
        """Angles a token, in radians, of each pair of a head of a size: (H/2,)."""
        return frequencies(base, size)


@recipe
class LinearScaling(Scaling):
    """Position interpolation: all angles are divided by `factor`.

    Source: Chen et al. 2023; `rope_type` "linear"
    """

    factor: float

    def __post_init__(self) -> None:
        check_numbers(self, "factor")

    def frequencies(self, base: float, size: int) -> Frequencies:
        """Angles a token, in radians, of each pair of a head of a size: (H/2,)."""
        return frequencies(base, size) / self.factor


@recipe
class NtkScaling(Scaling):
    """Fixed NTK scaling: the base grows by `factor`, and all angles shrink by factor^(2/H).

    exponent: mixed instead: the m-th pair shrinks by exp(a·m^exponent), the last one by `factor`.
    Source: Su 2023 (kexue 9706), eq. 6 and 10 to 13; `type` "ntk" of GTE
    """

    factor: float
    exponent: float | None = None

    def __post_init__(self) -> None:
        check_numbers(self, "factor", *(["exponent"] if self.exponent is not None else []))

    def frequencies(self, base: float, size: int) -> Frequencies:
        """Angles a token, in radians, of each pair of a head of a size: (H/2,)."""
        if self.exponent is None:
            return frequencies(base * self.factor, size) / np.float64(self.factor ** (2 / size))
        rate = math.log(self.factor) / (size / 2) ** self.exponent
        shrinks: Frequencies = np.exp(rate * np.arange(1, size // 2 + 1) ** self.exponent)
        return frequencies(base, size) / shrinks


@recipe
class DynamicScaling(Scaling):
    """Dynamic NTK scaling: the angles are the usual ones up to `longest` positions.

    Beyond, they depend on each text's length; such texts are refused, since a cache could not
    hold keys whose angles change.
    Source: `rope_type` "dynamic"; `rotary_scaling_factor` of NomicBERT
    """

    factor: float
    longest: int

    def __post_init__(self) -> None:
        check_numbers(self, "factor", "longest")

    @property
    def limit(self) -> int:
        """How many positions it is exact for."""
        return self.longest


@recipe
class YarnScaling(Scaling):
    """YaRN: slow angles are divided by `factor`, fast ones stay, between them a ramp.

    longest: positions the model was trained on; fast, slow: turns within them, where the ramp ends
    and begins; temperature: what rotated queries and keys are multiplied with (None =
    0.1·ln(factor) + 1); truncate: the ramp's ends are whole pairs.
    Source: Peng et al. 2023, eq. 17 to 22; `rope_type` "yarn"
    """

    factor: float
    longest: int
    fast: float = 32.0
    slow: float = 1.0
    temperature: float | None = None
    truncate: bool = True

    def __post_init__(self) -> None:
        own = ["temperature"] if self.temperature is not None else []
        check_numbers(self, "factor", "longest", "fast", "slow", *own)

    @property
    def amplitude(self) -> float:
        """What rotated queries, and keys, are multiplied with."""
        if self.temperature is not None:
            return self.temperature
        return 1.0 if self.factor <= 1 else 0.1 * math.log(self.factor) + 1.0

    def frequencies(self, base: float, size: int) -> Frequencies:
        """Angles a token, in radians, of each pair of a head of a size: (H/2,)."""

        def pair_of(turns: float) -> float:
            return size * math.log(self.longest / (turns * 2 * math.pi)) / (2 * math.log(base))

        low, high = pair_of(self.fast), pair_of(self.slow)
        if self.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, size - 1)
        high = high + 0.001 if low == high else high
        ramp: Frequencies = np.clip((np.arange(size // 2) - low) / (high - low), 0, 1)
        plain = frequencies(base, size)
        return plain / self.factor * ramp + plain * (1 - ramp)


@recipe
class LlamaScaling(Scaling):
    """Llama 3.1's scaling: slow angles are divided by `factor`, fast ones stay.

    Slow are those that turn less than `low` times within `longest` positions, fast those that turn
    more than `high` times; between them it is interpolated.
    longest: positions the model was trained on at first
    Source: `rope_type` "llama3"
    """

    factor: float
    longest: int
    low: float = 1.0
    high: float = 4.0

    def __post_init__(self) -> None:
        check_numbers(self, "factor", "longest", "low")
        check_numbers(self, "high", least=self.low)

    def frequencies(self, base: float, size: int) -> Frequencies:
        """Angles a token, in radians, of each pair of a head of a size: (H/2,)."""
        plain = frequencies(base, size)
        turns = self.longest * plain / (2 * math.pi)
        share: Frequencies = np.clip((turns - self.low) / (self.high - self.low), 0, 1)
        return plain / self.factor * (1 - share) + plain * share
