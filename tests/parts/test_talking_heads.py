"""Talking heads: J P_l, mask and softmax, U P_w (Shazeer et al. 2020, §4)."""

from typing import Any

import numpy as np
import pytest
from attending import (
    CASES,
    LENGTH,
    Array,
    Case,
    Weights,
    allowed_in,
    attention_of,
    check,
    columns_at,
    dot,
    gelu,
    heads_of,
    joined,
    masked_softmax,
    positions_in,
    projected,
    rows_at,
    run,
    softmax,
    softmax_then_mask,
    stepped,
    weights_of,
)

from comparing import TINY, error, numpy_of, tiny, tokens
from playmask.model.parts import Synthesizer, TalkingHeads, TokenMixing
from playmask.model.transformer import Transformer, weights_by_name

pytestmark = pytest.mark.backends

RANDOM = Synthesizer("random", length=LENGTH)
KINDS: dict[str, dict[str, Any]] = {
    "both": {"mixer": TalkingHeads()},
    "before": {"mixer": TalkingHeads(after=False)},
    "after": {"mixer": TalkingHeads(before=False)},
    "others": {"mixer": TalkingHeads(key_heads=2, value_heads=3)},
    "more": {"mixer": TalkingHeads(key_heads=6, value_heads=8), "key_size": 4, "value_size": 3},
    "alibi": {"mixer": TalkingHeads(key_heads=2), "position": "alibi"},
    "random": {"mixer": TalkingHeads(key_heads=3), "attention": RANDOM},
}


def spoken(x: Array, w: Weights, name: str) -> Array:
    """Heads n into heads m: Σ_n x_n P[n, m]; where there is no P, the same heads."""
    if name not in w:
        return x
    return np.einsum("bnts,nm->bmts", x, w[name])


def alibi(case: Case) -> Array:
    """-slope · distance for 4 softmax heads."""
    at = positions_in(case)
    far = np.abs(at[:, None, :] - at[:, :, None])[:, None]
    return -far * 2.0 ** -np.array([2, 4, 6, 8]).reshape(4, 1, 1)


def outputs(kind: str, case: Case, w: Weights) -> dict[str, Array]:
    """The formula's output, then those of its near misses."""
    mixer = KINDS[kind]["mixer"]
    keys, values = mixer.key_heads or 4, mixer.value_heads or 4
    before, after, allowed = "logits_mixer/kernel", "weights_mixer/kernel", allowed_in(case)
    if kind == "random":
        raw = columns_at(rows_at(w["random/scores"], case), case)
    else:
        raw = dot(case, w, heads=keys)
    bias = alibi(case) if kind == "alibi" else 0.0
    v = projected(case, w, "value", values)

    def output(logits: Array, w: Weights = w, weigh: Any = masked_softmax) -> Array:
        return joined(spoken(weigh(logits, allowed), w, after), v, w)

    logits = spoken(raw, w, before) + bias
    hidden = np.where(allowed[:, None], raw, -30.0)  # lower, and the others drown
    wanted = {"right": output(logits)}
    wanted["softmax, then mask"] = output(logits, weigh=softmax_then_mask)
    turned = {name: w[name].T for name in (before, after) if name in w}
    square = all(len(p) == len(p.T) for p in turned.values())
    if square:
        wanted["transposed"] = output(spoken(raw, turned, before) + bias, w | turned)
    if before in w:
        wanted["masked before"] = output(
            spoken(hidden, w, before) + bias, weigh=lambda x, _: softmax(x)
        )
    if before in w and keys == 4:
        wanted["no P_l"] = output(raw)
        wanted["added to what was"] = output(raw + logits)
    if after in w and values == 4:
        wanted["no P_w"] = joined(masked_softmax(logits, allowed), v, w)
        swapped = {before: w[after]}
        if keys == 4:
            wanted["P_w before"] = joined(
                masked_softmax(spoken(logits, swapped, before), allowed), v, w
            )
        mixed = spoken(masked_softmax(logits, allowed), w, after)
        total = mixed.sum(-1, keepdims=True)
        wanted["made to sum to 1"] = joined(mixed / np.where(total == 0, 1, total), v, w)
    if kind == "alibi":
        narrow = alibi(case)[:, ::2]  # the slopes of two heads, before they are mixed
        wanted["bias before"] = output(spoken(raw + narrow, w, before))
        wanted["no bias"] = output(logits - bias)
    return wanted


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_and_its_near_misses(kind):
    attention = attention_of(**KINDS[kind])
    w = weights_of(attention)
    for name, case in CASES.items():
        check(run(attention, case).output, outputs(kind, case, w), misses=name == "ragged")
    check(stepped(attention, CASES["ragged"]), outputs(kind, CASES["ragged"], w))


def test_weights_of_talking_heads_may_be_negative_and_sum_to_anything():
    attention = attention_of(**KINDS["others"])
    weights = numpy_of(run(attention, CASES["plain"], watched=True).weights)
    assert weights.shape == (2, 3, 6, 6)
    assert (weights < 0).any() and (np.abs(weights.sum(-1) - 1) > 0.1).any()


def test_hidden_keys_get_nothing_from_any_head():
    case = CASES["causal"]
    weights = numpy_of(run(attention_of(**KINDS["both"]), case, watched=True).weights)
    hidden = np.broadcast_to(~allowed_in(case)[:, None], weights.shape)
    assert (weights[hidden] == 0).all() and (weights[~hidden] != 0).all()


@pytest.mark.parametrize("heads", [{}, {"value_heads": 2, "value_size": 12}])
def test_scores_that_are_the_same_for_all_heads(heads):
    """MLP-Mixer's have no axis of heads: P_l and P_w meet one score for all of them."""
    case = CASES["padded"]
    size = heads.pop("value_size", None)
    mixer = TalkingHeads(**heads)
    attention = attention_of(attention=TokenMixing(7, length=LENGTH), mixer=mixer, value_size=size)
    w = weights_of(attention)
    x = np.where(case.valid[..., None], case.x, 0).astype("float64")
    condensed = np.einsum("tk,btd->bkd", w["token_mixing/values"][:6], x)
    v = heads_of(gelu(condensed + w["token_mixing/hidden_bias"]), mixer.value_heads or 4)
    spread = w["token_mixing/spread"][0, :6]
    factor = w["logits_mixer/kernel"].sum(0) @ w["weights_mixer/kernel"]  # one number a head
    y = np.einsum("tk,m,bmkv->btmv", spread, factor, v).reshape(2, 6, 24)
    seen = ~case.blind[..., None]
    outputs = {
        "right": (y + w["token_mixing/bias"][0, :6]) * seen,
        "not mixed": (np.einsum("tk,bmkv->btmv", spread, v).reshape(2, 6, 24)
                      + w["token_mixing/bias"][0, :6]) * seen,
    }  # fmt: skip
    check(run(attention, case).output, outputs)


# How they begin


def test_a_model_that_begins_to_talk_stays_as_it_was():
    plain = tiny()
    talking = Transformer(TINY.change(talking_heads=True))
    values = weights_by_name(plain)
    fresh = [n for n, v in weights_by_name(talking).items() if n not in values]
    assert fresh == [f"blocks/{i}/attention/{n}_mixer/kernel" for i in (0, 1)
                     for n in ("logits", "weights")]  # fmt: skip
    for name, variable in weights_by_name(talking).items():
        if name in values:
            variable.assign(values[name].value)
    ids = {"tokens": tokens(2, 6)}
    assert error(talking(ids)["hidden"], plain(ids)["hidden"]) < 1e-6
    weights_by_name(talking)[fresh[0]].assign(np.eye(4)[::-1])
    assert error(talking(ids)["hidden"], plain(ids)["hidden"]) > 1e-2


@pytest.mark.parametrize(("outer", "inner"), [(4, 8), (8, 4), (3, 4), (6, 4), (1, 4)])
def test_other_numbers_of_heads_begin_as_what_they_come_from(outer, inner):
    """Every new head is one of the old ones, or the mean of several, and all old ones are used."""
    mixer = TalkingHeads(key_heads=outer, value_heads=outer)
    made = TINY.change(talking_heads=mixer, attention_heads=inner, key_size=4, value_size=4)
    w = weights_of(Transformer(made).blocks.stored[0].attention)
    for name, shape in (("logits_mixer", (outer, inner)), ("weights_mixer", (inner, outer))):
        matrix = w[f"{name}/kernel"]
        assert matrix.shape == shape
        assert np.abs(matrix.sum(0) - 1).max() < 0.3  # noise of deviation 0.02
        sharp = np.round(matrix, 0) if shape[0] <= shape[1] else (matrix > 0.1).astype(float)
        assert (sharp.sum(1) > 0).all() and (np.diff(sharp.argmax(0)) >= 0).all()
        assert 0 < np.abs(matrix - sharp / sharp.sum(0)).max() < 0.15
