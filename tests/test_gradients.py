"""Gradients with respect to what goes in: against formulas and differences, on every backend."""

import keras
import numpy as np
import pytest
from keras import ops

from comparing import error, numpy_of, tiny, tokens
from playmask.errors import ConfigError
from playmask.model.transformer import weights_by_name
from playmask.runtime.compiled import Compiled, for_backend
from playmask.runtime.gradients import value_and_gradient, with_gradient

pytestmark = pytest.mark.backends


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def slope(function, x: np.ndarray, way: np.ndarray, step: float = 1e-2) -> float:
    """The derivative of the sum of a function's values along a direction, by differences."""
    up, down = (float(np.sum(numpy_of(function(x + s * way)))) for s in (step, -step))
    return (up - down) / (2 * step)


def test_a_formula(model):
    run = value_and_gradient(model, lambda x, w: ops.sum(w * x**3, axis=1))
    x, w = random(4, 5), random(5, seed=1)
    value, gradient = map(numpy_of, run(x, w))
    assert error(value, (w * x**3).sum(axis=1)) < 1e-6
    assert error(gradient, 3 * w * x**2) < 1e-6


def score(model):
    return lambda vectors, valid: ops.sum(
        ops.tanh(model({"vectors": vectors, "valid": valid})["hidden"][:, 0]), axis=-1
    )


@pytest.fixture(scope="module")
def model():
    return tiny(depth=1)


@pytest.fixture(scope="module")
def run(model):
    return value_and_gradient(model, score(model))


X, VALID = random(3, 6, 24), np.arange(6) < [[6], [4], [2]]


def test_through_a_transformer(model, run):
    value, gradient = map(numpy_of, run(X, VALID))
    plain, way = Compiled(model, score(model)), random(3, 6, 24, seed=1)
    assert error(value, plain(X, VALID)) < 1e-5
    wanted = slope(lambda x: plain(x, VALID), X, way)
    assert np.sum(gradient * way) == pytest.approx(wanted, rel=1e-2)
    assert not gradient[~VALID].any() and gradient[VALID].any(axis=-1).all()


def test_each_row_has_its_own_gradient(run):
    others = np.concatenate([random(2, 6, 24, seed=5), X[2:]])
    assert error(numpy_of(run(others, VALID)[1])[2], numpy_of(run(X, VALID)[1])[2]) < 1e-5


def test_it_is_compiled_once_and_sees_new_weights(model, run):
    before, traces = numpy_of(run(X, VALID)[1]), run.traces
    variable = weights_by_name(model)["blocks/0/attention/query/kernel"]
    variable.assign(numpy_of(variable.value) * 0.5)
    after = numpy_of(run(X, VALID)[1])
    variable.assign(numpy_of(variable.value) * 2)
    assert error(after, before) > 1e-3
    assert run.traces == traces and (traces > 0) == (keras.backend.backend() != "torch")


def test_a_cache_has_a_gradient():
    """What steers a language model: the gradient of a step with respect to keys and values."""
    model = tiny(heads=("mlm",), order="lm", depth=1)
    empty = keras.tree.map_structure(numpy_of, model.empty_cache(1, 6))
    start = Compiled(model, lambda given: model(given)["cache"])
    cache = start({"tokens": tokens(1, 4), "cache": empty, "at": np.int32(0)})
    cache = keras.tree.map_structure(numpy_of, cache)

    def said(kv, sites, step):
        inputs = {"tokens": step, "cache": {"kv": kv, **sites}, "at": np.int32(4)}
        return ops.logsumexp(model(inputs)["logits"][:, 0, :5], axis=-1)

    kv = cache.pop("kv")
    _, gradient = value_and_gradient(model, said)(kv, cache, tokens(1, 1))
    flat, slopes = keras.tree.flatten(kv), [numpy_of(g) for g in keras.tree.flatten(gradient)]
    assert [g.shape for g in slopes] == [k.shape for k in flat]
    way = [random(*k.shape, seed=i) for i, k in enumerate(flat)]

    plain = Compiled(model, said)

    def moved(by):
        there = [k + np.float32(by) * w for k, w in zip(flat, way, strict=True)]
        return plain(keras.tree.pack_sequence_as(kv, there), cache, tokens(1, 1))

    wanted = slope(moved, np.float32(0), np.float32(1))
    found = sum(float(np.sum(g * w)) for g, w in zip(slopes, way, strict=True))
    assert found == pytest.approx(wanted, rel=1e-2) and abs(wanted) > 1e-3
    assert not slopes[0][:, :, 4:].any()  # slots that were empty, or are written in this step


def test_what_nothing_depends_on_has_zeros(model):
    run = value_and_gradient(model, lambda pair: ops.sum(pair["used"] * 2.0, axis=1))
    _, gradient = run({"used": random(2, 3), "idle": random(4)})
    assert (numpy_of(gradient["used"]) == 2).all()
    np.testing.assert_array_equal(numpy_of(gradient["idle"]), np.zeros(4))


def test_inside_what_is_compiled(model):
    """A step of something larger, such as of a training."""
    inner = with_gradient(lambda x: ops.sum(x**2, axis=1))

    def descend(x):
        return x - 0.5 * inner(x)[1]

    np.testing.assert_allclose(numpy_of(Compiled(model, descend)(random(2, 3))), 0, atol=1e-6)


def test_another_backend_is_refused():
    with pytest.raises(ConfigError, match="is not supported; use jax"):
        for_backend({"abacus": print})
