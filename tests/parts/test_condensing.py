"""Linformer (Wang et al. 2020, eq. 7) and MLP-Mixer's mixing of tokens (Tolstikhin et al. 2021)."""

import numpy as np
import pytest
from attending import (
    CASES,
    LENGTH,
    SITES,
    Array,
    Case,
    Weights,
    attention_of,
    check,
    dense,
    gelu,
    positions_in,
    projected,
    relu,
    run,
    sigmoid,
    softmax,
    weights_of,
)

from comparing import error, numpy_of, tiny, tokens
from playmask.model.parts import Glu, Linformer, Rotary, TokenMixing

pytestmark = pytest.mark.backends

SIZE = 5
ENCODING = {
    "plain": CASES["plain"],
    "padded": CASES["padded"],
    "ragged": CASES["ragged"]._replace(order=0 * CASES["ragged"].order),
}
"""All look at all that is no padding; the last has positions of its own in each row."""


def rows(table: Array, case: Case, miss: str) -> Array:
    """The rows of a table at the sites' positions: (B, T, …)."""
    slots = np.broadcast_to(range(SITES), (2, SITES))
    return table[slots if miss == "slots" else positions_in(case)]


def present(case: Case, miss: str) -> Array:
    """1 for a site, 0 for padding: (B, T, 1)."""
    return np.where(miss == "padding counts", True, case.valid)[..., None].astype("float64")


def heard(y: Array, case: Case) -> Array:
    """Nothing for queries that may look at nothing."""
    return np.where(case.blind[..., None], 0.0, y)


# Linformer


def linformer(case: Case, w: Weights, miss: str = "", **given: Array) -> Array:
    """softmax(q (E k)ᵀ / √H) F v, head by head; given: q, k or v where they are others."""
    e, f = (w[f"linformer/{side}"] for side in ("keys", "values"))
    if miss == "E and F exchanged":
        e, f = f, e
    if miss == "E for both":
        f = e
    q, k, v = (given.get(n[0], projected(case, w, n)) for n in ("query", "key", "value"))
    there = present(case, miss)
    y = np.zeros(q.shape)
    for b, n, i in np.ndindex(2, 4, SITES):
        condense_k, condense_v = (rows(table, case, miss)[b] * there[b] for table in (e, f))
        if miss == "condensed rows sum to 1":
            condense_k, condense_v = (softmax(t.T).T for t in (condense_k, condense_v))
        scores = q[b, n, i] @ (condense_k.T @ k[b, n]).T
        scores = scores if miss == "unscaled" else scores / np.sqrt(q.shape[-1])
        scores = scores / np.sqrt(SIZE / 6) if miss == "over the root of the size" else scores
        y[b, n, i] = softmax(scores) @ (condense_v.T @ v[b, n])
    y = heard(y.transpose(0, 2, 1, 3).reshape(2, SITES, -1), case)
    return dense(y, w, "output")


LINFORMER = [
    "", "E and F exchanged", "E for both", "slots", "padding counts", "unscaled",
    "over the root of the size", "condensed rows sum to 1",
]  # fmt: skip


def test_linformer_and_its_near_misses():
    attention = attention_of(attention=Linformer(SIZE, length=LENGTH))
    w = weights_of(attention)
    for name, case in ENCODING.items():
        outputs = {miss: linformer(case, w, miss) for miss in LINFORMER}
        check(run(attention, case).output, outputs, misses=name == "ragged")


def test_linformer_with_gated_values():
    case = ENCODING["ragged"]
    attention = attention_of(attention=Linformer(SIZE, length=LENGTH), projections=Glu())
    w = weights_of(attention)
    v, gate = projected(case, w, "value"), projected(case, w, "value_gate")
    outputs = {
        "right": linformer(case, w, v=v * sigmoid(gate)),
        "the other half": linformer(case, w, v=gate * sigmoid(v)),
        "no gate": linformer(case, w),
    }
    check(run(attention, case).output, outputs)


def test_linformer_condenses_keys_that_are_turned_already():
    case = ENCODING["ragged"]
    attention = attention_of(attention=Linformer(SIZE, length=LENGTH), position=Rotary())
    w = weights_of(attention)
    angles = positions_in(case)[..., None] * 10000.0 ** (-np.arange(0, 6, 2) / 6)

    def turned(name: str) -> Array:
        x = projected(case, w, name)
        pairs = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)[:, None]
        return np.stack([pairs.real, pairs.imag], -1).reshape(x.shape)

    outputs = {
        "turned, then condensed": linformer(case, w, q=turned("query"), k=turned("key")),
        "only queries": linformer(case, w, q=turned("query")),
        "only keys": linformer(case, w, k=turned("key")),
        "neither": linformer(case, w),
    }
    check(run(attention, case).output, outputs)


# Mixing of tokens


def gelu_tanh(x: Array) -> Array:
    return x * 0.5 * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))


def token_mixing(case: Case, w: Weights, miss: str = "") -> Array:
    """W₂ gelu(W₁ x + b₁) + b₂ along the text, channel by channel."""
    down, up = w["token_mixing/values"], w["token_mixing/spread"][0]
    first, second = w["token_mixing/hidden_bias"], w["token_mixing/bias"][0]
    if miss == "W1 and W2 exchanged":
        down, up = up, down
    activate = {"gelu by tanh": gelu_tanh, "relu": relu, "linear": lambda x: x}.get(miss, gelu)
    x = case.x.astype("float64") * present(case, miss)
    y = np.zeros(x.shape)
    for b, channel in np.ndindex(2, x.shape[-1]):
        hidden = rows(down, case, miss)[b].T @ x[b, :, channel]
        hidden = activate(hidden + (0 if miss == "no b1" else first[:, 0]))
        out = rows(up, case, miss)[b]
        out = softmax(out) if miss == "a softmax" else out
        shift = 0 if miss == "no b2" else rows(second, case, miss)[b, :, 0]
        y[b, :, channel] = out @ hidden + shift
    return heard(y, case)


MIXING = [
    "", "W1 and W2 exchanged", "slots", "padding counts", "gelu by tanh", "relu", "linear",
    "no b1", "no b2", "a softmax",
]  # fmt: skip


def test_token_mixing_and_its_near_misses():
    attention = attention_of(attention=TokenMixing(7, length=LENGTH))
    for variable in attention.weights:  # larger, so that both gelus are told apart
        variable.assign(3 * variable.value)
    w = weights_of(attention)
    for name, case in ENCODING.items():
        outputs = {miss: token_mixing(case, w, miss) for miss in MIXING}
        outputs.pop("gelu by tanh")
        check(run(attention, case).output, outputs, misses=name == "ragged")
        by_tanh = token_mixing(case, w, "gelu by tanh")
        assert error(run(attention, case).output, by_tanh) > 5e-5  # they differ by 5e-4 at most


def test_token_mixing_has_no_projections():
    attention = attention_of(attention=TokenMixing(7, length=LENGTH))
    assert {name.split("/")[0] for name in weights_of(attention)} == {"token_mixing"}


# Padding and positions


@pytest.mark.parametrize("part", [Linformer(SIZE, length=LENGTH), TokenMixing(7, length=LENGTH)])
def test_padding_changes_nothing(part):
    """A padded text is the text alone, and what stands on the padding does not matter."""
    model, ids = tiny(attention=part), tokens(2, 6)
    alone = numpy_of(model({"tokens": ids[:, :4]})["hidden"])
    valid = np.arange(6)[None] < np.array([[4], [4]])
    for seed in (3, 4):
        filled = np.concatenate([ids[:, :4], tokens(2, 2, seed)], axis=1)
        found = numpy_of(model({"tokens": filled, "valid": valid})["hidden"])[:, :4]
        assert error(found, alone) < 2e-6
        assert error(model({"tokens": filled})["hidden"][:, :4], alone) > 1e-2
