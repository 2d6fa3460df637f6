"""T5's buckets against a literal account of them, distance by distance."""

import math

import numpy as np
import pytest

from comparing import error, numpy_of
from playmask.model.masks import Sites
from playmask.model.parts import Buckets
from playmask.model.parts.buckets import BucketBias

pytestmark = pytest.mark.backends

DISTANCES = np.arange(-300, 301)
SHAPES = [(32, 128), (32, 64), (16, 100), (64, 256), (8, 20), (32, 300)]


def bucket(away: int, count: int, longest: int, both: bool) -> int:
    """Raffel et al. 2020, §2.1, as Mesh TensorFlow's `_relative_position_bucket` words it.

    The logarithms are float32, as there; where a distance is exactly at a boundary this matters.
    """
    start, back = 0, -away  # how far the key lies before the query
    if both:
        count //= 2
        start, back = (count, -back) if back < 0 else (0, back)
    back = max(back, 0)
    exact = count // 2
    if back < exact:
        return start + back
    grown = np.log(np.float32(back) / np.float32(exact))
    share = np.float32(grown) / np.float32(math.log(longest / exact)) * np.float32(count - exact)
    return start + min(exact + int(share), count - 1)


def found(count: int, longest: int, both: bool) -> list[int]:
    return numpy_of(Buckets(count, longest, both).of(DISTANCES.astype("int32"))).tolist()


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize(("count", "longest"), SHAPES)
def test_every_distance(count, longest, both):
    wanted = [bucket(int(away), count, longest, both) for away in DISTANCES]
    assert found(count, longest, both) == wanted
    assert found(count, longest, both) != found(count, longest // 2, both)
    assert found(count, longest, both) != found(count, longest, not both)
    assert min(wanted) == 0 and max(wanted) == count - 1


def test_boundaries_at_powers_of_two():
    """T5's own 32 buckets: past 8 each boundary is 8·2^(n/2), of which 16, 32, 64 are whole.

    In float32 their logarithms are whole too, so that each is the first of its bucket.
    """
    row = dict(zip(DISTANCES.tolist(), found(32, 128, True), strict=True))
    assert [row[-d] for d in (7, 8, 11, 12, 15, 16, 22, 23, 31, 32, 63, 64, 127, 128, 300)] == [
        7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 13, 14, 15, 15, 15,
    ]  # fmt: skip
    assert all(row[d] == row[-d] + 16 for d in range(1, 301)) and row[0] == 0


def test_the_bias_is_the_table_at_the_bucket():
    part = Buckets(8, 20)
    layer = BucketBias(part, 3, name="buckets")
    layer.build()
    table = np.random.default_rng(1).normal(size=(8, 3)).astype("float32")
    layer.embeddings.assign(table)
    queries, keys = np.array([[0, 4, 9]], "int32"), np.array([[0, 1, 30, 5]], "int32")
    at = (Sites(positions * 0, positions, positions * 0) for positions in (queries, keys))
    wanted = [[[table[bucket(int(k - q), 8, 20, True), n] for k in keys[0]] for q in queries[0]]
              for n in range(3)]  # fmt: skip
    assert error(layer.bias(*at), np.array([wanted])) == 0
    assert error(np.array([wanted]), np.array([wanted])[..., ::-1]) > 1e-2
