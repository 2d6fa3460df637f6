"""Mixtures: Σ αᵢ · scores of part i, before mask and softmax, with α that sum to 1.

Tay et al. 2020, §3.4; with the form "mesh", Mesh TensorFlow's (1 - σ(w)) and σ(w).
"""

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
    dense,
    dot,
    expected,
    heads_of,
    joined,
    masked_softmax,
    positions_in,
    projected,
    relu,
    rows_at,
    run,
    sigmoid,
    softmax,
    softmax_then_mask,
    stepped,
    weights_of,
)

from comparing import TINY, error, numpy_of
from playmask.model.parts import Dot, LightConvolution, Mixture, Synthesizer, mix
from playmask.model.transformer import Transformer

pytestmark = pytest.mark.backends

RANDOM, DENSE = (Synthesizer(kind, length=LENGTH) for kind in ("random", "dense"))
MIXTURES = {
    "R+V": mix(RANDOM, Dot()),
    "D+V": mix(DENSE, Dot(), form="mesh"),
    "R+D": mix(RANDOM, DENSE),
    "R+D+V": mix(RANDOM, DENSE, Dot()),
    "R+D+V, mesh": mix(RANDOM, DENSE, Dot(), form="mesh"),
    "unscaled": mix(Dot(scale=False), RANDOM),
}


def random(case: Case, w: Weights) -> Array:
    return columns_at(rows_at(w["mixture/random/scores"], case), case)


def dense_scores(case: Case, w: Weights) -> Array:
    y = heads_of(relu(dense(case.x.astype("float64"), w, "mixture/dense/hidden")), 4)
    rows = y @ w["mixture/dense/columns_kernel"] + w["mixture/dense/columns_bias"]
    return columns_at(rows, case)


def members(mixture: Mixture, case: Case, w: Weights) -> list[Array]:
    """The scores of each member."""
    return [
        dot(case, w, scaled=part.scale) if isinstance(part, Dot)
        else random(case, w) if part == RANDOM
        else dense_scores(case, w)
        for part in mixture.parts
    ]  # fmt: skip


def alphas(mixture: Mixture, w: Weights) -> Array:
    """softmax(w), or with Mesh TensorFlow's form softmax(0, w), for two (1 - σ(w), σ(w))."""
    given = w["mixture/mix"]
    if mixture.form == "softmax":
        return softmax(given)
    if len(given) == 1:
        return np.concatenate([1 - sigmoid(given), sigmoid(given)])
    return softmax(np.concatenate([[0.0], given]))


@pytest.mark.parametrize("name", MIXTURES)
def test_every_mixture_and_its_near_misses(name):
    mixture = MIXTURES[name]
    attention = attention_of(attention=mixture)
    w = weights_of(attention)
    attention.parts[0].mix.assign(np.linspace(1.2, -0.9, len(w["mixture/mix"])))
    w = weights_of(attention)
    a = alphas(mixture, w)
    assert abs(a.sum() - 1) < 1e-9 and len(a) == len(mixture.parts)
    plain = np.resize(w["mixture/mix"], len(a))  # w itself in the place of α
    for where, case in CASES.items():
        each = members(mixture, case, w)

        def mixed(a: Array, case: Case = case, each: list[Array] = each) -> Array:
            scores = sum(x * s for x, s in zip(a, each, strict=True))
            return expected(case, w, np.asarray(scores))

        allowed, v = allowed_in(case), projected(case, w, "value")
        after = sum(x * masked_softmax(s, allowed) for x, s in zip(a, each, strict=True))
        scores = np.asarray(sum(x * s for x, s in zip(a, each, strict=True)))
        outputs = {
            "right": mixed(a),
            "a plain sum": mixed(np.ones(len(a))),
            "all the same": mixed(np.full(len(a), 1 / len(a))),
            "the other way round": mixed(a[::-1]),
            "w itself": mixed(plain),
            "a sigmoid each": mixed(sigmoid(plain)),
            "mixed after the softmax": joined(np.asarray(after), v, w),
            "softmax, then mask": expected(case, w, scores, weigh=softmax_then_mask),
        }
        check(run(attention, case).output, outputs, misses=where == "ragged")
        if where == "ragged":
            check(stepped(attention, case), outputs)


def test_parts_side_by_side_add_up():
    """Mesh TensorFlow's `random_plus`: q kᵀ / √H + R, without weights."""
    case = CASES["ragged"]
    attention = attention_of(attention=(Dot(), RANDOM))
    w = weights_of(attention)
    w |= {"mixture/random/scores": w["random/scores"]}
    outputs = {
        "a sum": expected(case, w, dot(case, w) + random(case, w)),
        "a mean": expected(case, w, (dot(case, w) + random(case, w)) / 2),
        "the sum scaled": expected(case, w, dot(case, w) + random(case, w) / np.sqrt(6)),
    }
    check(run(attention, case).output, outputs)


def test_mixtures_of_mixtures():
    """α of the outer one times α of the inner one."""
    case = CASES["ragged"]
    attention = attention_of(attention=mix(mix(RANDOM, DENSE), Dot()))
    w = weights_of(attention)
    outer, inner = softmax(w["mixture/mix"]), softmax(w["mixture/mixture_2/mix"])
    w |= {n.replace("mixture/mixture_2", "mixture"): v for n, v in w.items() if "mixture_2" in n}
    each = random(case, w), dense_scores(case, w), dot(case, w)

    def weighed(*a: float) -> Array:
        return expected(case, w, np.asarray(sum(x * s for x, s in zip(a, each, strict=True))))

    outputs = {
        "products": weighed(outer[0] * inner[0], outer[0] * inner[1], outer[1]),
        "exchanged": weighed(inner[0] * outer[0], inner[0] * outer[1], inner[1]),
        "three in a row": weighed(*softmax(np.array([*inner, outer[1]]))),
    }
    check(run(attention, case).output, outputs)


def test_a_convolution_says_nothing_beyond_its_reach():
    """The other member does: all keys are seen, and the kernel counts 0 for the far ones."""
    case = CASES["ragged"]
    attention = attention_of(attention=mix(LightConvolution(2, 1), Dot()))
    attention.parts[0].mix.assign([0.8, -0.3])
    w = weights_of(attention)
    at = positions_in(case)
    taps = at[:, None, :] - at[:, :, None] + 2
    near = (taps >= 0) & (taps < 4)
    kernel = w["mixture/light_convolution/kernel"]
    scores = np.moveaxis(kernel[:, np.clip(taps, 0, 3)], 0, 1)
    a = softmax(w["mixture/mix"])

    def mixed(scores: Array) -> Array:
        return a[0] * scores + a[1] * dot(case, w)

    outputs = {
        "0 beyond": expected(case, w, mixed(np.where(near[:, None], scores, 0))),
        "the kernel's ends beyond": expected(case, w, mixed(scores)),
        "hidden beyond": joined(
            masked_softmax(mixed(scores), allowed_in(case) & near), projected(case, w, "value"), w
        ),
    }
    check(run(attention, case).output, outputs)


@pytest.mark.parametrize("form", ["softmax", "mesh"])
@pytest.mark.parametrize("start", [None, (0.9, 0.1), (0.2, 0.7, 0.1), (3.0, 1.0)])
def test_mixtures_begin_as_asked(form, start):
    """With weights that sum to 1, in the given proportions."""
    count = len(start or (0, 0))
    mixture = mix(*[RANDOM, DENSE, Dot()][:count], form=form, start=start)
    attention = Transformer(TINY.change(attention=mixture)).blocks.stored[0].attention
    wanted = np.array(start or [1] * count) / sum(start or [1] * count)
    assert error(numpy_of(attention.parts[0].alphas()), wanted) < 1e-6
    assert error(alphas(mixture, weights_of(attention)), wanted) < 1e-6
    assert len(weights_of(attention)["mixture/mix"]) == count - (form == "mesh")
    if start is not None:
        assert error(wanted[::-1], wanted) > 1e-2
