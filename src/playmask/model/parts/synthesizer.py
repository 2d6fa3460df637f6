"""Synthesizers by kind: scores that no query is compared with a key for."""

from collections.abc import Callable
from typing import Any

from playmask.errors import ConfigError, nearest
from playmask.model.parts.dense_synthesizer import DenseSynthesizer, FactorizedDense, MeshDense
from playmask.model.parts.part import Part
from playmask.model.parts.random_synthesizer import FactorizedRandom, RandomSynthesizer

KINDS: dict[str, Callable[..., Part]] = {
    "dense": DenseSynthesizer,
    "random": RandomSynthesizer,
    "fixed": lambda **options: RandomSynthesizer(trainable=False, **{"spread": 1.0, **options}),
    "factorized_dense": FactorizedDense,
    "factorized_random": FactorizedRandom,
    "mesh_dense": MeshDense,
}
"""The Synthesizers by name; the fixed one is drawn so wide that its rows differ."""


def Synthesizer(kind: str, **options: Any) -> Part:
    """Make the Synthesizer of a kind; the options are the fields of its recipe.

    kind: "dense", "random", "fixed", "factorized_dense", "factorized_random" or "mesh_dense"
    Raises: ConfigError for an unknown kind, with the nearest
    Source: Tay et al. 2020

    Example:
        >>> Synthesizer("fixed", length=64)
        RandomSynthesizer(length=64, trainable=False, spread=1.0)

    """
    if kind not in KINDS:
        raise ConfigError(f"There is no Synthesizer {kind!r}.{nearest(kind, KINDS)}")
    return KINDS[kind](**options)
