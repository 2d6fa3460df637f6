"""ALiBi: scores fall with the distance, in each head at a slope of its own (Press et al. 2022)."""

import numpy as np
import pytest
from attending import (
    CASES,
    Array,
    Case,
    Weights,
    attention_of,
    check,
    dot,
    expected,
    positions_in,
    run,
    softmax_then_mask,
    stepped,
    weights_of,
)

from playmask.model.parts import Synthesizer
from playmask.model.parts.alibi import slopes

pytestmark = pytest.mark.backends


def published(heads: int) -> list[float]:
    """2^(-8/n), 2^(-16/n), … for a power of two; else the next lower power's, then every second of
    the next higher one's, from the first on."""
    lower = 2 ** int(np.log2(heads))
    own = [2 ** (-8 * (i + 1) / lower) for i in range(lower)]
    between = [2 ** (-8 * (i + 1) / (2 * lower)) for i in range(0, 2 * lower, 2)]
    return own + between[: heads - lower]


@pytest.mark.parametrize("heads", [1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 40])
def test_slopes_are_those_published(heads):
    assert slopes(heads) == pytest.approx(published(heads), rel=1e-12)
    assert len(set(slopes(heads))) == heads
    regular = [2 ** (-8 * (i + 1) / heads) for i in range(heads)]
    assert (slopes(heads) == pytest.approx(regular)) == (heads in (1, 2, 4, 8, 16))


def test_the_slopes_of_eight_heads_and_of_twelve():
    """Press et al. 2022, §3: from 1/2 to 1/256, and then what lies between them."""
    assert slopes(8) == pytest.approx([1 / 2**n for n in range(1, 9)])
    assert slopes(12)[8:] == pytest.approx([2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5])


def biases(case: Case, heads: int) -> dict[str, Array]:
    """The formula's bias (B, N, T, S), then those of near misses."""

    def bias(at: Array, slopes: list[float], both: bool = True) -> Array:
        away = at[:, None, :] - at[:, :, None]  # key - query
        far = np.abs(away) if both else np.maximum(-away, 0)
        return -far[:, None] * np.array(slopes).reshape(heads, 1, 1)

    at, own = positions_in(case), published(heads)
    first_is_one = [2 ** (-8 * i / heads) for i in range(heads)]
    return {
        "right": bias(at, own),
        "added": -bias(at, own),
        "none": 0 * bias(at, own),
        "keys before the query only": bias(at, own, both=False),
        "slots": bias(np.broadcast_to(range(6), at.shape), own),
        "heads turned": bias(at, own[::-1]),
        "one step less": bias(at, first_is_one),
        "over the root of H": bias(at, own) / np.sqrt(24 / heads),
    }


def scores(case: Case, w: Weights, heads: int) -> Array:
    if "query/kernel" in w:
        return dot(case, w, heads)
    return np.zeros((2, heads, 6, 6))


@pytest.mark.parametrize("heads", [4, 6])
@pytest.mark.parametrize("content", ["dot", "nothing"])
def test_the_bias_and_its_near_misses(heads, content):
    """Added after the dot product is divided by √H; alone, distances say everything."""
    other = {} if content == "dot" else {"attention": ()}
    attention = attention_of(attention_heads=heads, position="alibi", **other)
    w = weights_of(attention)
    for name, case in CASES.items():
        raw = scores(case, w, heads)
        if content == "nothing":
            w |= {f"{layer}/kernel": np.eye(24) for layer in ("value", "output")}
        outputs = {
            n: expected(case, w, raw + bias, heads=heads) for n, bias in biases(case, heads).items()
        }
        right = raw + biases(case, heads)["right"]
        outputs["softmax, then mask"] = expected(
            case, w, right, weigh=softmax_then_mask, heads=heads
        )
        check(run(attention, case).output, outputs, misses=name == "ragged")
        if name in ("causal", "ragged"):
            check(stepped(attention, case), outputs, misses=name == "ragged")


def test_beside_a_synthesizer():
    """A bias for softmax heads, whatever the scores come from."""
    case = CASES["ragged"]
    attention = attention_of(attention=Synthesizer("random", length=20), position="alibi")
    w = weights_of(attention)
    at = positions_in(case)
    raw = np.stack([w["random/scores"][:, row][:, :, row] for row in at])
    check(
        run(attention, case).output,
        {n: expected(case, w, raw + bias) for n, bias in biases(case, 4).items()},
    )
