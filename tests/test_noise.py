"""The counter-based generator: uniform, uncorrelated, and the same everywhere."""

import keras
import numpy as np
import pytest

from comparing import numpy_of
from playmask.model.dropout import Dropout
from playmask.model.rng import bits

pytestmark = pytest.mark.backends


def mixed(x: np.ndarray) -> np.ndarray:
    """The mixer in numpy's uint32."""
    x = np.asarray(x, "uint32")
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)


def reference(seed: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    with np.errstate(over="ignore"):
        counter = np.arange(np.prod(shape), dtype="uint32").reshape(shape)
        first, second = mixed(seed[0]), mixed(np.uint32(seed[1]) + np.uint32(0x9E3779B9))
        return mixed(mixed(counter + first) ^ second).astype("int32")


def draw(first: int, second: int, shape: tuple[int, ...]) -> np.ndarray:
    seed = keras.ops.convert_to_tensor(np.array([first, second], "int32"))
    return numpy_of(bits(seed, shape))


@pytest.mark.parametrize("seed", [(0, 0), (1, 2), (2**31 - 1, 7)])
def test_the_same_on_every_backend(seed):
    assert np.array_equal(draw(*seed, (3, 5, 7)), reference(seed, (3, 5, 7)))


def test_every_bit_is_fair():
    numbers = draw(3, 4, (1 << 16,)).view("uint32")
    share = [((numbers >> bit) & 1).mean() for bit in range(32)]
    assert np.abs(np.array(share) - 0.5).max() < 4.5 * 0.5 / 256  # 4.5 standard deviations


@pytest.mark.parametrize("other", [(0, 1), (1, 0), (1, 1), (0, 2)])
def test_neighbouring_seeds_and_places_have_nothing_in_common(other):
    size = 1 << 16
    one, two = (draw(*seed, (size,)) / 2.0**31 for seed in ((0, 0), other))
    assert abs(np.corrcoef(one, two)[0, 1]) < 4.5 / np.sqrt(size)
    for lag in (1, 2, 64, 128):
        assert abs(np.corrcoef(one[lag:], one[:-lag])[0, 1]) < 4.5 / np.sqrt(size)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_rate_and_keeps_the_mean(rate):
    layer, ones = Dropout(rate), np.ones((256, 256), "float32")
    out = numpy_of(layer(ones, training=True))
    spread = 4.5 * np.sqrt(rate * (1 - rate)) / 256
    assert abs((out == 0).mean() - rate) < spread
    assert np.allclose(out[out > 0], 1 / (1 - rate))
    assert not np.array_equal(out, numpy_of(layer(ones, training=True)))
    assert np.array_equal(numpy_of(layer(ones, training=False)), ones)


def test_rate_zero_needs_no_seed():
    layer = Dropout(0.0)
    assert layer.seeds is None and not layer.variables
