"""Light and dynamic convolutions, tap by tap (Wu et al. 2019, §3-5).

Tap t of `before + 1 + after` stands on the site t - before away from the query. Its weight is
softmaxed over the taps that stand on a site which may be seen.
"""

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
    heads_of,
    positions_in,
    run,
    sigmoid,
    softmax,
    stepped,
    weights_of,
)

from playmask.model.parts import DynamicConvolution, Glu, LightConvolution

pytestmark = pytest.mark.backends

KINDS: dict[str, Any] = {
    "light": LightConvolution(2, 1),
    "light, causal": LightConvolution(3, 0),
    "light, one tap": LightConvolution(0, 0),
    "dynamic": DynamicConvolution(2, 1),
    "dynamic, ahead": DynamicConvolution(0, 2),
    "dynamic, wide": DynamicConvolution(12, 12),
}


def kernels(part: LightConvolution, case: Case, w: Weights, miss: str = "") -> Array:
    """The kernel of each query and head, before its softmax: (B, N, T, taps)."""
    if not isinstance(part, DynamicConvolution):
        return np.broadcast_to(w["light_convolution/kernel"][:, None], (2, 4, SITES, part.width))
    if miss == "of the values":
        x = dense(case.x.astype("float64"), w, "value")
    else:
        x = case.x.astype("float64")
    made = dense(x, w, "dynamic_convolution/kernels")
    if miss == "heads inside taps":
        return made.reshape(2, SITES, part.width, 4).transpose(0, 3, 1, 2)
    return heads_of(made, 4)


def convolved(part: LightConvolution, case: Case, w: Weights, v: Array, miss: str = "") -> Array:
    """Each query's neighbours by their taps: v (B, T, D) -> (B, T, D)."""
    at, allowed = positions_in(case), allowed_in(case)
    kernel, v = kernels(part, case, w, miss), heads_of(v, 4)
    before = part.after if miss == "before and after exchanged" else part.before
    y = np.zeros(v.shape)
    for b, n, i in np.ndindex(2, 4, SITES):
        places = {p: j for j, p in enumerate(range(SITES) if miss == "slots" else at[b])}
        here = i if miss == "slots" else at[b, i]
        taps, sites = [], []
        for tap in range(part.width):
            site = places.get(here + tap - before)
            if site is not None and allowed[b, i, site]:
                taps.append(part.width - 1 - tap if miss == "reversed" else tap)
                sites.append(site)
        own = kernel[b, n, sites[0] if miss == "the key's kernel" and sites else i]
        if taps and miss == "padding counts":
            y[b, n, i] = softmax(own)[taps] @ v[b, n, sites]
        elif taps and miss == "no softmax":
            y[b, n, i] = own[taps] @ v[b, n, sites]
        elif taps:
            y[b, n, i] = softmax(own[taps]) @ v[b, n, sites]
    return dense(y.transpose(0, 2, 1, 3).reshape(2, SITES, -1), w, "output")


def values(case: Case, w: Weights) -> Array:
    return dense(case.x.astype("float64"), w, "value")


MISSES = ["reversed", "before and after exchanged", "padding counts", "no softmax", "slots"]
OF_THE_QUERY = ["the key's kernel", "heads inside taps", "of the values"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_and_its_near_misses(kind):
    part = KINDS[kind]
    attention = attention_of(attention=part)
    w = weights_of(attention)
    for name, case in CASES.items():
        v = values(case, w)
        outputs = {"right": convolved(part, case, w, v)}
        if kind in ("light", "dynamic"):
            misses = MISSES + (OF_THE_QUERY if kind == "dynamic" else [])
            outputs |= {miss: convolved(part, case, w, v, miss) for miss in misses}
        check(run(attention, case).output, outputs, misses=name == "ragged")
        if name in ("causal", "ragged"):
            check(stepped(attention, case), outputs, misses=name == "ragged")


def test_inside_a_text_it_is_a_depthwise_convolution():
    """Where all taps stand on sites: numpy's own, which reverses what it is given."""
    case, part = CASES["plain"], KINDS["light"]
    attention = attention_of(attention=part)
    w = weights_of(attention)
    v, kernel = values(case, w), softmax(w["light_convolution/kernel"])

    def whole(kernel: Array) -> Array:
        channels = [
            [np.convolve(v[b, :, d], kernel[d // 6][::-1], "valid") for d in range(24)]
            for b in range(2)
        ]
        return dense(np.array(channels).transpose(0, 2, 1), w, "output")

    found = run(attention, case).output[:, part.before : SITES - part.after]
    check(found, {"right": whole(kernel), "reversed": whole(kernel[:, ::-1])})


@pytest.mark.parametrize("kind", ["light", "dynamic"])
def test_values_are_gated_before_they_are_mixed(kind):
    """GLU: the first half times the sigmoid of the second."""
    part, case = KINDS[kind], CASES["ragged"]
    attention = attention_of(attention=part, projections=Glu())
    w = weights_of(attention)
    v, gate = values(case, w), dense(case.x.astype("float64"), w, "value_gate")
    plain = {n: x for n, x in w.items() if n != "output/bias"}
    after = convolved(part, case, plain | {"output/kernel": np.eye(24)}, v) * sigmoid(gate)
    outputs = {
        "right": convolved(part, case, w, v * sigmoid(gate)),
        "no gate": convolved(part, case, w, v),
        "the other half": convolved(part, case, w, gate * sigmoid(v)),
        "tanh": convolved(part, case, w, v * np.tanh(gate)),
        "gated after": dense(after, w, "output"),
    }
    check(run(attention, case).output, outputs)
    check(stepped(attention, case), outputs)
