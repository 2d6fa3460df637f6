"""Texts that look at a context (Ziegler et al. 2019): in one softmax, or in a layer of its own."""

from typing import Any

import numpy as np
import pytest
from attending import (
    CASES,
    SITES,
    Array,
    Case,
    Weights,
    allowed_in,
    attention_of,
    check,
    dense,
    dot,
    heads_of,
    joined,
    masked_softmax,
    positions_in,
    projected,
    run,
    weights_of,
)

from comparing import error, numpy_of, tiny, tokens
from playmask.model.norms import Around, Norm
from playmask.model.parts import ContextAttention, PseudoSelf, TalkingHeads
from playmask.model.scene import Context

pytestmark = pytest.mark.backends

SIZE = 6
VECTORS = np.random.default_rng(8).normal(size=(2, 3, SIZE)).astype("float32")
THERE = np.array([[True, True, True], [True, False, True]])
GIVEN = {"context": VECTORS, "context_valid": THERE}


# Pseudo-self attention: softmax(q [C U_k; X W_k]ᵀ / √H) [C U_v; X W_v]


def pseudo(case: Case, w: Weights, miss: str = "", bias: Any = 0.0) -> tuple[Array, Array]:
    """The output and the weights, those of the context in front."""
    c = VECTORS.astype("float64")
    keys, values = (heads_of(dense(c, w, f"context/{side}"), 4) for side in ("key", "value"))
    q, v = projected(case, w, "query"), projected(case, w, "value")
    if miss == "U_k and U_v exchanged":
        keys, values = values, keys
    front = np.einsum("bnth,bneh->bnte", q, keys)
    front = front if miss == "unscaled" else front / np.sqrt(q.shape[-1])
    front = front + 1.0 if miss == "a bias on the context" else front
    there = np.broadcast_to(THERE[:, None], (2, SITES, 3))
    if miss == "padding of the context counts":
        there = np.ones_like(there)
    if miss == "the causal mask on the context":
        there = there & (np.arange(3) <= np.arange(SITES)[:, None])
    if miss == "blind queries stay blind":
        there = there & ~case.blind[..., None]
    own, allowed = dot(case, w) + bias, allowed_in(case)
    if miss == "a softmax each":
        both = masked_softmax(front, there) @ values + masked_softmax(own, allowed) @ v
        y = both.transpose(0, 2, 1, 3).reshape(2, SITES, -1)
        return dense(y, w, "output"), both
    weights = masked_softmax(np.concatenate([front, own], -1), np.concatenate([there, allowed], -1))
    return joined(weights, np.concatenate([values, v], axis=2), w), weights


PSEUDO = [
    "", "unscaled", "padding of the context counts", "the causal mask on the context",
    "a softmax each", "U_k and U_v exchanged", "a bias on the context", "blind queries stay blind",
]  # fmt: skip


def test_pseudo_self_attention_and_its_near_misses():
    attention = attention_of(context=PseudoSelf(SIZE))
    w = weights_of(attention)
    for name, case in CASES.items():
        found = run(attention, case, Context(VECTORS, THERE), watched=True)
        outputs = {miss: pseudo(case, w, miss)[0] for miss in PSEUDO}
        check(found.output, outputs, misses=name == "ragged")
        weights = pseudo(case, w)[1]
        check(found.weights, {"": weights, "behind": np.roll(weights, -3, -1)})


def test_distances_are_those_of_the_text_only():
    """ALiBi's bias stands on the text's keys, and the context's have no place."""
    attention, case = attention_of(context=PseudoSelf(SIZE), position="alibi"), CASES["ragged"]
    w, at = weights_of(attention), positions_in(case)
    far = np.abs(at[:, None, :] - at[:, :, None])[:, None]
    bias = -far * 2.0 ** -np.array([2, 4, 6, 8]).reshape(4, 1, 1)
    outputs = {"right": pseudo(case, w, bias=bias)[0], "no bias": pseudo(case, w)[0]}
    check(run(attention, case, Context(VECTORS, THERE)).output, outputs)


def test_heads_talk_about_the_context_too():
    attention = attention_of(context=PseudoSelf(SIZE), mixer=TalkingHeads(after=False))
    case, w = CASES["ragged"], weights_of(attention)
    c, talk = VECTORS.astype("float64"), w["logits_mixer/kernel"]
    keys, values = (heads_of(dense(c, w, f"context/{side}"), 4) for side in ("key", "value"))
    front = projected(case, w, "query") @ keys.swapaxes(-1, -2) / np.sqrt(6)
    own = dot(case, w)
    allowed = np.concatenate(
        [np.broadcast_to(THERE[:, None], (2, SITES, 3)), allowed_in(case)], axis=-1
    )
    v = np.concatenate([values, projected(case, w, "value")], axis=2)

    def output(front: Array, own: Array) -> Array:
        return joined(masked_softmax(np.concatenate([front, own], -1), allowed), v, w)

    def mixed(x: Array) -> Array:
        return np.einsum("bnts,nm->bmts", x, talk)

    outputs = {
        "both": output(mixed(front), mixed(own)),
        "the text's only": output(front, mixed(own)),
        "neither": output(front, own),
    }
    check(run(attention, case, Context(VECTORS, THERE)).output, outputs)


# Context attention: a layer of its own, after that to the text


def block(w: Weights, x: Array, norms: str, miss: str = "") -> Array:
    """One block over x (B, T, D): attention to the text, to the context, feed-forward."""

    def norm(x: Array, name: str) -> Array:
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)
        return x * w[f"{name}/gamma"] + w[f"{name}/beta"]

    def around(x: Array, name: str, layer: Any) -> Array:
        if norms == "before":
            return x + layer(norm(x, f"{name}/before"))
        return norm(x + layer(x), f"{name}/after")

    def look(x: Array, keys: Array, name: str, allowed: Array) -> Array:
        q = heads_of(dense(x, w, f"{name}/query"), 4)
        k, v = (heads_of(dense(keys, w, f"{name}/{side}"), 4) for side in ("key", "value"))
        weights = masked_softmax(q @ k.swapaxes(-1, -2) / np.sqrt(6), allowed)
        y = (weights @ v).transpose(0, 2, 1, 3).reshape(x.shape)
        return dense(y, w, f"{name}/output")

    def to_text(x: Array) -> Array:
        causal = np.broadcast_to(np.tri(SITES, dtype=bool), (2, SITES, SITES))
        return look(x, x, "attention", causal)

    def to_context(x: Array) -> Array:
        there = np.broadcast_to(THERE[:, None], (2, SITES, 3))
        if miss == "padding of the context counts":
            there = np.ones_like(there)
        if miss == "the causal mask on the context":
            there = there & (np.arange(3) <= np.arange(SITES)[:, None])
        return look(x, VECTORS.astype("float64"), "cross", there)

    def forward(x: Array) -> Array:
        inner = np.maximum(dense(x, w, "feedforward/inner"), 0)
        return dense(inner, w, "feedforward/outer")

    if miss == "the context first":
        x = around(around(x, "cross_norm", to_context), "attention_norm", to_text)
    elif miss == "side by side":
        x = around(x, "attention_norm", lambda x: to_text(x) + to_context(x))
    elif miss == "no context":
        x = around(x, "attention_norm", to_text)
    elif miss == "without a residual":
        x = around(x, "attention_norm", to_text)
        x = norm(to_context(x), f"cross_norm/{norms}")
    elif miss == "the text's norm":
        x = around(around(x, "attention_norm", to_text), "attention_norm", to_context)
    else:
        x = around(around(x, "attention_norm", to_text), "cross_norm", to_context)
    return around(x, "feedforward_norm", forward)


LAYER = [
    "", "the context first", "side by side", "no context", "without a residual", "the text's norm",
    "padding of the context counts", "the causal mask on the context",
]  # fmt: skip


@pytest.mark.parametrize("norms", ["after", "before"])
def test_context_attention_and_its_near_misses(norms):
    around = Around(**{norms: Norm()})
    model = tiny(
        depth=1, order="lm", activation="relu", context=ContextAttention(SIZE),
        attention_norm=around, feedforward_norm=around,
    )  # fmt: skip
    ids = {"tokens": tokens(2, SITES)}
    zeros = np.zeros((2, SITES), "int32")
    embedded = model.embeddings(np.arange(SITES)[None], tokens=ids["tokens"], segments=zeros)
    x = numpy_of(embedded).astype("float64")
    w = weights_of(model.blocks.stored[0], "0")
    outputs = {miss: block(w, x, norms, miss) for miss in LAYER}
    check(model({**ids, **GIVEN})["hidden"], outputs)


# As inputs


@pytest.mark.parametrize("part", [PseudoSelf(SIZE), ContextAttention(SIZE)])
def test_a_single_vector_is_a_context_of_one(part):
    model, ids = tiny(context=part), {"tokens": tokens(2, 5)}
    one = model({**ids, "context": VECTORS[:, 0]})["hidden"]
    assert error(model({**ids, "context": VECTORS[:, :1]})["hidden"], one) == 0
    assert error(model({**ids, "context": VECTORS[:, 1]})["hidden"], one) > 1e-2


@pytest.mark.parametrize("part", [PseudoSelf(SIZE), ContextAttention(SIZE)])
def test_padding_of_a_context_is_nothing(part):
    """What is not there may hold anything; with nothing there, it is as if nothing were said."""
    model, ids = tiny(context=part), {"tokens": tokens(2, 5)}
    found = model({**ids, **GIVEN})["hidden"]
    other = np.where(THERE[..., None], VECTORS, 7.0).astype("float32")
    assert error(model({**ids, "context": other, "context_valid": THERE})["hidden"], found) < 2e-6
    assert error(model({**ids, "context": other})["hidden"], found) > 1e-2
    nothing = np.zeros_like(THERE)
    empty = model({**ids, "context": VECTORS, "context_valid": nothing})["hidden"]
    moved = model({**ids, "context": other * 2, "context_valid": nothing})["hidden"]
    assert error(moved, empty) < 2e-6 and error(found, empty) > 1e-2


def test_a_pseudo_self_model_without_context_is_the_model_as_it_was():
    model, ids = tiny(context=PseudoSelf(SIZE)), {"tokens": tokens(2, 5)}
    plain = tiny()
    own = {v.path.split("/", 1)[1]: v.value for v in model.weights}
    for variable in plain.weights:
        variable.assign(own[variable.path.split("/", 1)[1]])
    nothing = {"context": VECTORS, "context_valid": np.zeros_like(THERE)}
    assert error(model({**ids, **nothing})["hidden"], plain(ids)["hidden"]) < 2e-6
    assert error(model({**ids, **GIVEN})["hidden"], plain(ids)["hidden"]) > 1e-2
