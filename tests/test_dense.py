"""Dense layers give what the product over the last axis gives, whatever stands before it."""

import keras
import numpy as np
import pytest
from keras import ops

from playmask.model.dense import Dense, by_rows

pytestmark = pytest.mark.backends

SHAPES = [(5, 6), (2, 3, 6), (2, 3, 4, 6), (1, 1, 6), (0, 3, 6)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_is_the_product_over_the_last_axis(shape):
    layer = Dense(7, activation="relu", bias_initializer="random_normal")
    layer.build(shape)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    kernel, bias = (ops.convert_to_numpy(w) for w in layer.weights)
    wanted = np.maximum(x @ kernel + bias, 0)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), wanted, atol=1e-6)


def test_rows_come_back_where_they_stood():
    x = np.arange(24.0).reshape(2, 3, 4)
    seen = []
    y = by_rows(lambda rows: seen.append(rows.shape) or rows[:, :2] * 2, x)
    assert [tuple(shape) for shape in seen] == [(6, 4)]
    np.testing.assert_array_equal(ops.convert_to_numpy(y), x[..., :2] * 2)


def test_sizes_may_be_open():
    x = keras.Input((None, 6))
    assert Dense(7)(x).shape == (None, None, 7)


def test_its_kernel_can_be_int8():
    layer = Dense(7)
    layer.build((2, 3, 6))
    x = np.random.default_rng(0).normal(size=(2, 3, 6)).astype("float32")
    before = ops.convert_to_numpy(layer(x))
    layer.quantize("int8")
    assert keras.backend.standardize_dtype(layer.kernel.dtype) == "int8"
    after = ops.convert_to_numpy(layer(x))
    error = np.abs(after - before).max() / np.abs(before).max()
    assert 0 < error < 0.03
