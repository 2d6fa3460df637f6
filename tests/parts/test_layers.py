"""Residual scores, gated units, gated feed-forward layers and norms against plain numpy."""

from itertools import pairwise
from math import erf
from typing import Any

import keras
import numpy as np
import pytest
from oracles_of_layers import GATED, gated

from comparing import TINY, error, numpy_of, tiny, tokens
from playmask.model.attention import Attention
from playmask.model.feedforward import FeedForward
from playmask.model.masks import Sites
from playmask.model.norms import Norm, Normalize
from playmask.model.parts import NORMALIZATIONS, Dot, Gated, ResidualScores
from playmask.model.scene import Scene

pytestmark = pytest.mark.backends

CLOSE = 2e-6
FAR = 1e-2


def random(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# Residual scores


def test_residual_scores_add_up_over_all_blocks(monkeypatch):
    """Block n's scores are its own dot products and those of all blocks before it."""
    model = tiny(depth=3, attention=(Dot(), ResidualScores()))
    own, seen = [], []
    dot, attend = Dot.logits, Attention._attend
    monkeypatch.setattr(Dot, "logits", lambda *a: own.append(numpy_of(dot(*a))) or dot(*a))

    def watch(*arguments: Any) -> Any:
        out = attend(*arguments)
        seen.append(numpy_of(out[1]))
        return out

    monkeypatch.setattr(Attention, "_attend", watch)
    model({"tokens": tokens(2, 6)})
    assert len(own) == len(seen) == 3
    for scores, total in zip(seen, np.cumsum(own, axis=0), strict=True):
        assert error(scores, total) < CLOSE
    assert all(error(scores, before) > FAR for before, scores in pairwise(seen))
    one = own[2] + own[1]  # what bert4keras adds since 2023: the block before only
    assert error(seen[2], one) > FAR


# The gated unit


def unit_of(kind: str, **changes: Any) -> Attention:
    """The oracle's unit, with its weights."""
    made = TINY.change(
        width=12, attention_heads=1, key_size=8, value_size=24, activation="swish",
        projections=Gated(), normalization=kind, position=None, **changes,
    )  # fmt: skip
    unit = Attention(made, name="attention")
    unit.build((None, None, 12))
    names = {"i_dense": "inputs", "q_scaleoffset": "query", "k_scaleoffset": "key"}
    for name, value in GATED[kind].items():
        layer, weight = name.split(":")
        own = unit.output_dense if layer == "o_dense" else unit.projections[names[layer]]
        getattr(own, weight).assign(value)
    return unit


def run(unit: Attention, x: np.ndarray, valid: np.ndarray) -> np.ndarray:
    at = np.zeros(valid.shape, "int32")
    sites = Sites(at, at, at)
    allowed = np.broadcast_to(valid[:, None], (len(x), valid.shape[1], valid.shape[1]))
    return unit(x, Scene(allowed, sites, sites)).output


KINDS = ["softmax", "softmax_plus", "squared_relu"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_gated_unit_equals_bert4keras(kind):
    """With biases and shifts; without rotary positions, the padding masked, scores over √H."""
    x, valid, wanted = gated(kind)
    assert error(run(unit_of(kind), x, valid), wanted) < CLOSE
    assert error(run(unit_of(kind), x, np.ones_like(valid)), wanted) > 1e-3
    assert error(run(unit_of(kind, attention=Dot(scale=False)), x, valid), wanted) > 1e-3
    for other in set(KINDS) - {kind}:
        unit = unit_of(kind)
        unit.normalize = unit_of(other).normalize
        assert error(run(unit, x, valid), wanted) > 1e-4


@pytest.mark.parametrize("late", [False, True])
def test_softmax_plus_grows_with_the_text(late):
    """log n / log 512, and n of 16 at least: 16 keys are scaled as 4 are, 100 are not."""

    def weights(name, scores, allowed):
        keys, total = NORMALIZATIONS[name](scores, allowed, late)
        assert (total is not None) == late
        return numpy_of(keys) / numpy_of(total) if late else numpy_of(keys)

    for count, seen in ((4, 16), (16, 16), (100, 100), (512, 512)):
        scores = keras.ops.convert_to_tensor(random(1, 1, 1, count))
        scaled = numpy_of(scores).astype("float64") * np.log(seen) / np.log(512)
        wanted = np.exp(scaled) / np.exp(scaled).sum()
        allowed = keras.ops.ones((1, 1, 1, count), "bool")
        assert error(weights("softmax_plus", scores, allowed), wanted) < CLOSE * 5
        plain = weights("softmax", scores, allowed)
        assert (error(plain, wanted) > FAR) == (count != 512)


# Feed-forward

ACTIVATIONS = {
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(erf)(x / 2**0.5)),
    "gelu_tanh": lambda x: x * 0.5 * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "swish": lambda x: x / (1 + np.exp(-x)),
    "linear": lambda x: x,
}


@pytest.mark.parametrize("gate", [None, "linear", "swish"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_feedforward_with_and_without_a_gate(name, gate):
    layer = FeedForward(TINY.change(activation=name, gate=gate), name="feedforward")
    layer.build((None, None, 24))
    for seed, weight in enumerate(layer.weights):
        weight.assign(0.3 * random(*weight.shape, seed=seed))
    x = random(2, 5, 24, seed=9)

    def dense(which: Any, x: np.ndarray) -> np.ndarray:
        return x @ numpy_of(which.kernel.value).astype("float64") + numpy_of(which.bias.value)

    wanted = ACTIVATIONS[name](dense(layer.inner, x))
    if gate is not None:
        wanted = wanted * ACTIVATIONS[gate](dense(layer.gate, x))
    wanted = dense(layer.outer, wanted)
    assert error(layer(x), wanted) < CLOSE * 2
    layer.activation = ACTIVATIONS["linear"] if name != "linear" else (lambda x: 1.1 * x)
    assert error(layer(x), wanted) > FAR


# Norms


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_norms(kind, scale):
    layer = Normalize(Norm(1e-3, kind, scale), name="norm")
    layer.build((None, 7))
    names = [weight.path.split("/")[-1] for weight in layer.weights]
    assert names == [n for n, has in (("gamma", scale), ("beta", kind == "layer")) if has]
    for seed, weight in enumerate(layer.weights):
        weight.assign(1 + random(7, seed=seed))
    x = random(3, 7, seed=5) + 2
    y = x.astype("float64") - (x.mean(-1, keepdims=True) if kind == "layer" else 0)
    y = y / np.sqrt((y**2).mean(-1, keepdims=True) + 1e-3)
    y = y * (1 + random(7, seed=0)) if scale else y
    y = y + 1 + random(7, seed=len(names) - 1) if kind == "layer" else y
    assert error(layer(x), y) < CLOSE
    other = Normalize(Norm(1e-12, kind, scale), name="norm")
    other.build((None, 7))
    other.set_weights(layer.get_weights())
    assert error(other(x), y) > 2e-5
