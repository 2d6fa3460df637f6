"""Synthesizers against their formulas (Tay et al. 2020, §3), each beside its near misses."""

from collections.abc import Callable
from functools import cache
from typing import Any

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
    columns_at,
    dense,
    expected,
    gelu,
    heads_of,
    relu,
    rows_at,
    run,
    softmax_then_mask,
    stepped,
    weights_of,
)

from comparing import TINY
from playmask.model.attention import Attention
from playmask.model.parts import Synthesizer
from playmask.model.transformer import Transformer

pytestmark = pytest.mark.backends

Scores = dict[str, Array]  # (B, N, T, S) by name: the formula's, then those of its near misses


def at_sites(scores: Array) -> Array:
    """A near miss: the columns of the first sites, whatever their positions."""
    return scores[..., :SITES]


def turned(rows: Array, case: Case) -> Array:
    """A near miss: scores by the key's hidden state, at the query's position."""
    return columns_at(rows, case).swapaxes(-1, -2)


def random(case: Case, w: Weights) -> Scores:
    """R at the positions of query and key, for each head its own."""
    table = w["random/scores"]
    rows = rows_at(table, case)
    return {
        "R[p, r]": columns_at(rows, case),
        "R[r, p]": columns_at(rows_at(table.swapaxes(1, 2), case), case),
        "slots": at_sites(np.stack([table[:, :SITES]] * 2)),
        "rows by slot": columns_at(np.stack([table[:, :SITES]] * 2), case),
        "columns by slot": at_sites(rows),
        "one head for all": columns_at(rows_at(table[[0] * 4], case), case),
    }


def factorized_random(case: Case, w: Weights) -> Scores:
    """R₁ R₂ᵀ."""
    left, right = (w[f"factorized_random/{side}"] for side in ("queries", "keys"))

    def product(left: Array, right: Array) -> Array:
        return columns_at(rows_at(np.einsum("npk,nrk->npr", left, right), case), case)

    constant = np.repeat(np.einsum("npk,npk->np", left, right)[:, None], LENGTH, axis=1)
    return {
        "R1 R2ᵀ": product(left, right),
        "R2 R1ᵀ": product(right, left),
        "over the root of the rank": product(left, right) / np.sqrt(left.shape[-1]),
        "the same for all queries, as in Mesh": columns_at(rows_at(constant, case), case),
        "slots": np.stack([left[:, :SITES] @ right[:, :SITES].swapaxes(1, 2)] * 2),
    }  # fmt: skip


def linear(x: Array) -> Array:
    return x


def hidden(case: Case, w: Weights, name: str, activate: Callable) -> Array:
    """F's first layer, for each head its part: (B, N, T, hidden)."""
    return heads_of(activate(dense(case.x.astype("float64"), w, f"{name}/hidden")), 4)


def dense_scores(case: Case, w: Weights) -> Scores:
    """W₂ relu(W₁ x + b₁) + b₂ of the query's x, read at the keys' positions."""
    kernel, bias = w["dense/columns_kernel"], w["dense/columns_bias"]

    def rows(activate: Callable = relu, kernel: Array = kernel, bias: Array = bias) -> Array:
        return hidden(case, w, "dense", activate) @ kernel + bias

    return {
        "W2 relu(W1 x + b1) + b2": columns_at(rows(), case),
        "no relu": columns_at(rows(linear), case),
        "relu after": columns_at(relu(rows(linear)), case),
        "gelu": columns_at(rows(gelu), case),
        "no b2": columns_at(rows(bias=0 * bias), case),
        "one W2 for all heads": columns_at(rows(kernel=kernel[[0] * 4]), case),
        "of the key's x": turned(rows(), case),
        "slots": at_sites(rows()),
    }


def factorized_dense(case: Case, w: Weights) -> Scores:
    """C[i·b + j] = A[i]·B[j]: an outer product, laid out in rows of b."""
    name = "factorized_dense"

    def factors(activate: Callable = relu) -> tuple[Array, Array]:
        y = hidden(case, w, name, activate)
        a, b = (
            y @ w[f"{name}/{side}_kernel"] + w[f"{name}/{side}_bias"]
            for side in ("first", "second")
        )
        return a, b

    def outer(a: Array, b: Array) -> Array:
        return np.concatenate([a[..., i : i + 1] * b for i in range(a.shape[-1])], axis=-1)

    a, b = factors()
    times = [np.tile(side, LENGTH // side.shape[-1]) for side in (a, b)]
    sums = np.concatenate([a[..., i : i + 1] + b for i in range(a.shape[-1])], axis=-1)
    return {
        "A[i] B[j]": columns_at(outer(a, b), case),
        "both tiled": columns_at(times[0] * times[1], case),
        "B[i] A[j]": columns_at(outer(b, a), case),
        "a sum": columns_at(sums, case),
        "no relu": columns_at(outer(*factors(linear)), case),
        "of the key's x": turned(outer(a, b), case),
        "slots": at_sites(outer(a, b)),
    }


def mesh_dense(case: Case, w: Weights) -> Scores:
    """W₂ relu(q), one W₂ for all heads."""
    q = heads_of(dense(case.x.astype("float64"), w, "query"), 4)
    kernel = w["mesh_dense/kernel"]
    return {
        "W2 relu(q)": columns_at(relu(q) @ kernel, case),
        "no relu": columns_at(q @ kernel, case),
        "relu after": columns_at(relu(q @ kernel), case),
        "over the root of H": columns_at(relu(q) @ kernel / np.sqrt(q.shape[-1]), case),
        "the heads turned": columns_at(relu(q[:, ::-1]) @ kernel, case),
        "of the key": turned(relu(q) @ kernel, case),
        "slots": at_sites(relu(q) @ kernel),
    }


FORMULAS: dict[str, tuple[Callable[[Case, Weights], Scores], dict[str, Any]]] = {
    "random": (random, {}),
    "fixed": (random, {}),
    "factorized_random": (factorized_random, {"rank": 3}),
    "dense": (dense_scores, {"hidden": 5}),
    "factorized_dense": (factorized_dense, {"rows": 4, "hidden": 5}),
    "mesh_dense": (mesh_dense, {}),
}


@cache
def made(kind: str, **options: Any) -> Attention:
    """An attention by a Synthesizer alone."""
    return attention_of(attention=Synthesizer(kind, length=LENGTH, **options))


@pytest.mark.parametrize("kind", FORMULAS)
def test_every_kind_and_its_near_misses(kind):
    formula, options = FORMULAS[kind]
    attention = made(kind, **options)
    w = weights_of(attention)
    for name, case in CASES.items():
        outputs = {n: expected(case, w, scores) for n, scores in formula(case, w).items()}
        right = next(iter(formula(case, w).values()))
        outputs["softmax, then mask"] = expected(case, w, right, weigh=softmax_then_mask)
        check(run(attention, case).output, outputs, misses=name == "ragged")


@pytest.mark.parametrize("kind", FORMULAS)
def test_steps_read_positions_not_slots(kind):
    """One query at a time, with keys in slots that are neither in order nor side by side."""
    formula, options = FORMULAS[kind]
    attention, case = made(kind, **options), CASES["ragged"]
    w = weights_of(attention)
    outputs = {name: expected(case, w, scores) for name, scores in formula(case, w).items()}
    check(stepped(attention, case), outputs)


def test_factors_that_do_not_divide_the_length():
    """7 positions from vectors of 3 and 3: the last two products are left over."""
    case = CASES["plain"]
    attention = attention_of(attention=Synthesizer("factorized_dense", length=7))
    w = weights_of(attention)
    y = hidden(case, w, "factorized_dense", relu)
    a, b = (
        y @ w[f"factorized_dense/{side}_kernel"] + w[f"factorized_dense/{side}_bias"]
        for side in ("first", "second")
    )
    assert a.shape[-1] == b.shape[-1] == 3
    scores = np.stack([a[..., p // 3] * b[..., p % 3] for p in range(SITES)], axis=-1)
    swapped = np.stack([a[..., p % 3] * b[..., p // 3] for p in range(SITES)], axis=-1)
    outputs = {"A B": expected(case, w, scores), "B A": expected(case, w, swapped)}
    check(run(attention, case).output, outputs)


# How they begin


def first_scores(kind: str, **options: Any) -> Array:
    """The scores of a fresh Synthesizer of 40 positions: (N, 40, 40)."""
    made = Synthesizer(kind, length=40, **options)
    model = Transformer(TINY.change(attention=made, attention_heads=8))
    w = weights_of(model.blocks.stored[0].attention)
    if kind == "factorized_random":
        return w["factorized_random/queries"] @ w["factorized_random/keys"].swapaxes(1, 2)
    return w["random/scores"]


@pytest.mark.parametrize(
    ("kind", "options", "spread"),
    [
        ("random", {}, 0.02),
        ("random", {"spread": 0.3}, 0.3),
        ("fixed", {}, 1.0),
        ("fixed", {"spread": 0.5}, 0.5),
        ("factorized_random", {"spread": 0.5}, 0.5),
        ("factorized_random", {"spread": 0.5, "rank": 20}, 0.5),
    ],
)
def test_fresh_scores_are_spread_as_asked(kind, options, spread):
    """A product of factors too: a sum of k products of numbers of deviation √(spread / √k)."""
    assert abs(first_scores(kind, **options).std() / spread - 1) < 0.15


def test_fixed_scores_stay_and_random_ones_learn():
    for kind, learns in (("fixed", False), ("random", True)):
        attention = attention_of(attention=Synthesizer(kind, length=LENGTH))
        for switch in (True, False, True):  # freezing and unfreezing a model changes nothing
            attention.trainable = switch
            names = {v.path.split("/attention/")[1] for v in attention.trainable_variables}
            assert ("random/scores" in names) == (learns and switch)
        assert "random/scores" in weights_of(attention)  # and so in a checkpoint
