"""Random numbers from a counter: cheap, and equal on all backends, and in NumPy.

A bit mixer over (seed, place) needs five integer operations a number and fuses into what uses it;
on a CPU the generator that JAX picks costs dropout over attention weights twenty times as much.
"""

import math
from typing import Any

from playmask.model.array_operations import Tensor, operations_of


def _signed(constant: int) -> int:
    """A 32-bit constant as the int32 of the same bits: torch has no arithmetic on uint32."""
    return constant - 2**32 if constant >= 2**31 else constant


def _shift(x: Tensor, by: int) -> Tensor:
    """Shift right, filling with zeros."""
    ops = operations_of(x)
    return ops.bitwise_and(ops.right_shift(x, by), 2 ** (32 - by) - 1)


def mix(x: Tensor) -> Tensor:
    """Scramble int32 numbers one to one, so that neighbours have nothing in common.

    Source: the two-round 32-bit mixer "lowbias32" of Wellons 2018 (hash-prospector)
    """
    ops = operations_of(x)
    x = ops.bitwise_xor(x, _shift(x, 16)) * _signed(0x7FEB352D)
    x = ops.bitwise_xor(x, _shift(x, 15)) * _signed(0x846CA68B)
    return ops.bitwise_xor(x, _shift(x, 16))


def bits(seed: Tensor, shape: tuple[Any, ...]) -> Tensor:
    """Random int32 numbers for every place of a shape; seed: int32 (2,), both numbers count."""
    ops, places = operations_of(seed), 1
    for size in shape:
        places = places * size
    counter = ops.reshape(ops.arange(places, dtype="int32"), shape)
    first, second = mix(seed[0]), mix(seed[1] + _signed(0x9E3779B9))
    return mix(ops.bitwise_xor(mix(counter + first), second))


def normal(seed: Tensor, shape: tuple[Any, ...]) -> Tensor:
    """Standard normal numbers for every place of a shape; seed: int32 (2,).

    Source: Box & Muller 1958
    """
    ops = operations_of(seed)
    drawn = (bits(ops.stack([seed[0], seed[1] + which]), shape) for which in (0, 1))
    one, other = ((ops.cast(_shift(x, 1), "float32") + 0.5) * 2.0**-31 for x in drawn)
    return ops.sqrt(-2.0 * ops.log(one)) * ops.cos(2 * math.pi * other)


def uniform(*seeds: Tensor, size: int) -> Tensor:
    """Random numbers above 0 and up to 1 for each combination of seeds.

    seeds: int32 of shapes that go together (…); which seed comes first counts
    Shapes: -> float32 (…, size)
    """
    ops, state = operations_of(*seeds), 0
    for seed in seeds:
        one = ops.expand_dims(ops.cast(seed, "int32"), -1)
        state = mix(mix(one + _signed(0x9E3779B9)) + state)
    drawn = mix(state + mix(ops.arange(size, dtype="int32")))
    return (ops.cast(_shift(drawn, 1), "float32") + 0.5) * 2.0**-31
