"""Products of factors that are rounded to bfloat16, where a processor's XLA has them."""

import pickle

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY, filled
from playmask.errors import ConfigError
from playmask.model import products

needed = pytest.mark.skipif(not products.available(), reason="no such products on this backend")


def rounding(x: np.ndarray) -> np.ndarray:
    return x.astype("bfloat16").astype("float32")


@needed
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 5), (100, 33, 2), (64, 48, 96)], ids=str)
def test_factors_are_rounded_and_added_up_in_float32(shape, axis):
    import jax

    rows, width, units = shape
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, width)).astype("float32")
    kernel = random.normal(size=(width, units)).astype("float32")
    weight = random.normal(size=(rows, units)).astype("float32")
    lying = kernel if axis == 0 else kernel.T
    y, pull = jax.vjp(lambda x, kernel: products.rounded(x, kernel, axis), x, lying)
    near = {"rtol": 1e-5, "atol": 1e-5 * np.sqrt(max(shape))}
    np.testing.assert_allclose(y, rounding(x) @ rounding(kernel), **near)
    of_x, of_kernel = pull(weight)
    of_kernel = of_kernel if axis == 0 else of_kernel.T
    np.testing.assert_allclose(of_x, rounding(weight) @ rounding(kernel).T, **near)
    np.testing.assert_allclose(of_kernel, rounding(x).T @ rounding(weight), **near)
    assert {str(each.dtype) for each in (y, of_x, of_kernel)} == {"float32"}


@needed
def test_gradients_have_gradients():
    import jax

    random = np.random.default_rng(1)
    x, kernel = (random.normal(size=s).astype("float32") / 4 for s in ((64, 16), (16, 8)))

    def penalty(product):
        def of(kernel):
            loss = jax.grad(lambda x: (jax.numpy.tanh(product(x, kernel)) ** 2).sum())
            return (loss(x) ** 2).sum()

        return np.asarray(jax.jit(jax.grad(of))(kernel))

    exact, near = penalty(lambda x, kernel: x @ kernel), penalty(products.rounded)
    assert 0 < np.abs(near - exact).max() < 0.02 * np.abs(exact).max()


@needed
def test_a_model_is_loaded_with_such_products(tmp_path):
    whole = filled(TINY.change(width=64, inner=256, depth=2), ())
    playmask.save(whole, tmp_path)
    half = playmask.load(tmp_path, heads=(), dtype="bfloat16_products")
    assert {str(each.dtype) for each in half.trainable_variables} == {"float32"}
    tokens = np.arange(2, 66).reshape(4, 16) % 11 + 2
    exact, near = (
        keras.ops.convert_to_numpy(m({"tokens": tokens})["hidden"]) for m in (whole, half)
    )
    assert near.dtype == "float32" and 1e-4 < np.abs(exact - near).mean() < 0.02
    few = {"tokens": tokens[:1]}  # whose kernels are not worth rounding
    exact, near = (keras.ops.convert_to_numpy(m(few)["hidden"]) for m in (whole, half))
    np.testing.assert_allclose(exact, near, atol=1e-6)


@needed
def test_the_table_that_scores_tokens_is_rounded_too():
    body = TINY.change(width=64, inner=256, vocabulary=99)
    half = playmask.build(body, "mlm", dtype="bfloat16_products")
    head, table = half.heads["mlm"], keras.ops.convert_to_numpy(half.embeddings.tokens.embeddings)
    tokens = np.arange(2, 66).reshape(4, 16)
    for few, rounds in ((tokens, rounding), (tokens[:1], np.asarray)):
        outputs = half({"tokens": few})
        x = head.norm(head.activation(head.transform(outputs["hidden"])))
        expected = rounds(keras.ops.convert_to_numpy(x)) @ rounds(table).T
        logits = keras.ops.convert_to_numpy(outputs["logits"])
        np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


@needed
def test_what_is_loaded_so_is_stored_as_float32(tmp_path):
    half = playmask.build(TINY.change(width=64, inner=256), "mlm", dtype="bfloat16_products")
    half.save(tmp_path / "half.keras")
    for again in (
        keras.models.load_model(tmp_path / "half.keras"), pickle.loads(pickle.dumps(half))
    ):  # fmt: skip
        assert again.dtype_policy.name == "float32"
    with pytest.raises(ConfigError, match="computes in float32, and the model in bfloat16_prod"):
        playmask.export(half, tmp_path / "graph")
    half.quantize("int8")
    assert half.quantized == "int8" and half({"tokens": np.ones((8, 16), int)}) is not None


@pytest.mark.backends
def test_where_there_are_none_it_is_said():
    if products.available():
        pytest.skip("JAX on a processor has them")
    with pytest.raises(ConfigError, match="bfloat16_products is for JAX on a processor"):
        playmask.build(TINY, dtype="bfloat16_products")


@needed
def test_the_quicker_product_is_the_one_that_takes_less_time(monkeypatch):
    seconds = [1.0, 2.0, 2.0, 1.0]  # rounded, exact; twice
    monkeypatch.setattr(products, "_seconds", lambda *product: seconds.pop(0))
    assert products.quicker() and not products.quicker()
    monkeypatch.setattr(products, "available", lambda: False)
    assert not products.quicker()
