"""How many weights each part has, by the formulas of Tay et al. 2020, Table 1, and others."""

import math
from typing import Any

import pytest

from comparing import TINY
from playmask.model.architecture import Architecture, Decoder
from playmask.model.parts import (
    Alibi,
    ContextAttention,
    Dot,
    DynamicConvolution,
    Gated,
    Glu,
    LightConvolution,
    Linformer,
    PseudoSelf,
    ResidualScores,
    Synthesizer,
    TalkingHeads,
    TokenMixing,
    mix,
)
from playmask.model.transformer import Transformer
from playmask.runtime.lazy_weights import blank

SIZES = [(24, 4, 20), (24, 6, 7), (64, 8, 33)]  # width d, heads h, length l


def counted(a: Architecture, within: str = "", trainable: bool = False) -> dict[str, int]:
    """How large the weights of an architecture are, by path; built without drawing them."""
    model = blank(lambda: Transformer(a))
    chosen = model.trainable_weights if trainable else model.weights
    return {v.path: math.prod(v.shape) for v in chosen if within in v.path}


def count(a: Architecture, *within: str, **options: bool) -> int:
    """How many numbers there are in the weights whose path holds one of these."""
    return sum(n for path, n in counted(a, **options).items() if any(w in path for w in within))


def layer(width: int, heads: int, **changes: Any) -> Architecture:
    """One block of a width."""
    sizes = {"width": width, "attention_heads": heads, "depth": 1, "position": None}
    return TINY.change(**{**sizes, **changes})


def of_synthesizer(kind: str, d: int, h: int, l: int) -> int:  # noqa: E741
    """What stands in the place of queries and keys."""
    hidden, a = d // h, math.isqrt(l - 1) + 1
    b = math.ceil(l / a)
    dense = d * h * hidden + h * hidden  # W₁ and b₁
    return {
        "random": h * l**2,
        "fixed": h * l**2,
        "factorized_random": 2 * h * l * 3,
        "dense": dense + (h * hidden + h) * l,
        "factorized_dense": dense + (h * hidden + h) * (a + b),
        "mesh_dense": hidden * l,
    }[kind]


KINDS = ["random", "fixed", "factorized_random", "dense", "factorized_dense", "mesh_dense"]


def synthesizer(kind: str, length: int) -> Any:
    options = {"rank": 3} if kind == "factorized_random" else {}
    return Synthesizer(kind, length=length, **options)


@pytest.mark.parametrize(("d", "h", "length"), SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_synthesizers(kind, d, h, length):
    """Values and output stay; queries and keys go, kernels and biases both."""
    own = synthesizer(kind, length)
    pure, plus = layer(d, h, attention=own), layer(d, h, attention=mix(own, Dot()))
    scores = of_synthesizer(kind, d, h, length)
    projections = 3 if kind == "mesh_dense" else 2
    name = "random" if kind == "fixed" else kind
    assert count(pure, f"/{name}/") == scores
    assert count(pure, "/attention/") == scores + projections * (d * d + d)
    assert count(plus, "/attention/") == scores + 4 * (d * d + d) + 2
    assert bool(count(pure, "/query/")) == (kind == "mesh_dense")
    assert not count(pure, "/key/") and count(plus, "/query/", "/key/") == 2 * (d * d + d)
    learned = scores if kind != "fixed" else 0
    assert count(pure, f"/{name}/", trainable=True) == learned


@pytest.mark.parametrize(("d", "h", "length"), SIZES)
def test_the_table_of_the_paper(d, h, length):
    """Its Table 1 says d² + d·l, l² a head, 2·l·k a head and d² + d(a + b), without the biases."""

    def kernels(kind: str) -> int:
        made = layer(d, h, attention=synthesizer(kind, length))
        return sum(n for path, n in counted(made, f"/{kind}/").items() if "bias" not in path)

    a = math.isqrt(length - 1) + 1
    assert kernels("dense") == d**2 + d * length
    assert kernels("factorized_dense") == d**2 + d * (a + math.ceil(length / a))
    assert kernels("random") == h * length**2
    assert kernels("factorized_random") == h * 2 * length * 3


@pytest.mark.parametrize("hidden", [1, 5, 40])
def test_hidden_sizes(hidden):
    a = layer(24, 4, attention=Synthesizer("dense", length=20, hidden=hidden))
    assert count(a, "/dense/") == 24 * 4 * hidden + 4 * hidden + 4 * hidden * 20 + 4 * 20
    a = layer(24, 4, attention=Synthesizer("factorized_dense", length=20, hidden=hidden, rows=10))
    assert count(a, "/factorized_dense/") == 24 * 4 * hidden + 4 * hidden + 4 * (hidden + 1) * 12


@pytest.mark.parametrize("form", ["softmax", "mesh"])
def test_mixtures_are_the_sum_and_a_weight_a_member(form):
    own = [synthesizer(kind, 20) for kind in ("random", "dense", "factorized_random")]
    sums = sum(of_synthesizer(k, 24, 4, 20) for k in ("random", "dense", "factorized_random"))
    a = layer(24, 4, attention=mix(*own, Dot(), form=form))
    weights = 4 if form == "softmax" else 3
    assert count(a, "/mixture/") == sums + weights
    assert count(a, "/attention/") == sums + weights + 4 * (24 * 24 + 24)
    assert count(a, "/query/", "/key/") == 2 * (24 * 24 + 24)


@pytest.mark.parametrize(("keys", "values"), [(None, None), (2, 3), (6, None), (None, 1)])
def test_talking_heads(keys, values):
    """h_k·h + h·h_v more; projections by their own numbers of heads."""
    mixer = TalkingHeads(key_heads=keys, value_heads=values)
    a = layer(24, 4, mixer=mixer)
    k, v = keys or 4, values or 4
    assert count(a, "mixer") == k * 4 + 4 * v
    assert count(a, "/query/", "/key/") == 2 * 25 * k * 6
    assert count(a, "/value/") == 25 * v * 6
    assert count(a, "/attention/output/") == (v * 6 + 1) * 24
    assert count(layer(24, 4, mixer=TalkingHeads(after=False)), "mixer") == 16


@pytest.mark.parametrize("key_size", [None, 1, 26, 128])
@pytest.mark.parametrize("value_size", [None, 5])
def test_sizes_of_keys_and_values(key_size, value_size):
    """Bhojanapalli et al. 2020: d·h·H for queries and for keys, d·h·V, and h·V·d."""
    a = layer(24, 4, key_size=key_size, value_size=value_size)
    k, v = key_size or 6, value_size or 6
    assert count(a, "/query/", "/key/") == 2 * (24 + 1) * 4 * k
    assert count(a, "/value/") == (24 + 1) * 4 * v
    assert count(a, "/attention/output/") == (4 * v + 1) * 24


@pytest.mark.parametrize(("d", "h", "length"), SIZES)
def test_what_condenses(d, h, length):
    a = layer(d, h, attention=Linformer(5, length=length))
    assert count(a, "/linformer/") == 2 * length * 5
    assert count(a, "/attention/") == 2 * length * 5 + 4 * (d * d + d)
    a = layer(d, h, attention=TokenMixing(7, length=length))
    assert count(a, "/attention/") == 2 * length * 7 + 7 + length


@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 1), (7, 0)])
def test_convolutions(before, after):
    taps = before + 1 + after
    light, dynamic = LightConvolution(before, after), DynamicConvolution(before, after)
    a = layer(24, 4, attention=light)
    assert count(a, "/attention/") == 4 * taps + 2 * (24 * 24 + 24)
    a = layer(24, 4, attention=dynamic)
    assert count(a, "/attention/") == 24 * 4 * taps + 2 * (24 * 24 + 24)
    a = layer(24, 4, attention=light, projections=Glu())
    assert count(a, "/attention/") == 4 * taps + 3 * (24 * 24 + 24)


def test_contexts():
    a = layer(24, 4, context=PseudoSelf(9))
    assert count(a, "/context/") == 2 * (9 * 24 + 24)
    a = layer(24, 4, context=ContextAttention(9))
    assert count(a, "/cross/") == 2 * (9 * 24 + 24) + 2 * (24 * 24 + 24)
    assert count(a, "/cross_norm/") == 2 * 24
    pure = layer(24, 4, context=PseudoSelf(9), attention=synthesizer("random", 20))
    assert count(pure, "/query/") == 24 * 24 + 24 and not count(pure, "/attention/key/")


def test_what_has_no_weights():
    plain = count(layer(24, 4), "/attention/")
    assert plain == 4 * (24 * 24 + 24)
    assert count(layer(24, 4, position=Alibi()), "/attention/") == plain
    assert count(layer(24, 4, attention=(Dot(), ResidualScores())), "/attention/") == plain
    unit = layer(24, 4, attention=synthesizer("random", 20), projections=Gated())
    assert count(unit, "/query/", "/key/") == 0
    assert count(unit, "/inputs/") == (24 + 1) * 2 * 24  # gate and values, no shared vector


def test_blocks_with_parts_of_their_own():
    a = layer(24, 4, depth=3, attention={1: synthesizer("random", 20)})
    each = [count(a, f"blocks/{i}/attention/") for i in range(3)]
    assert each == [4 * 600, 2 * 600 + 4 * 20**2, 4 * 600]
    shared = layer(24, 4, depth=3, sharing="all", attention=synthesizer("random", 20))
    assert count(shared, "/attention/") == each[1]


# The paper's machine translation: 6 + 6 blocks of self-attention, d = 512, h = 8, l = 256

SMALL = Architecture(
    family="t5", vocabulary=8, width=512, depth=6, attention_heads=8, inner=8, bias=False,
    position=None, decoder=Decoder(6),
)  # fmt: skip
BLOCKS = 12


def difference(*parts: Any, **options: bool) -> int:
    """By how much a variant has more weights than the plain Transformer."""
    whole = [count(a, "", **options) for a in (SMALL.change(attention=parts), SMALL)]
    return whole[0] - whole[1]


def test_the_totals_of_the_paper():
    """67M: fixed 61M, random 67M, factorized 61M, random + dot 73M; cross-attention stays."""
    random = Synthesizer("random", length=256)
    queries_and_keys, table = BLOCKS * 2 * 512**2, BLOCKS * 8 * 256**2
    assert queries_and_keys == table == 6_291_456  # 6.3M
    fixed = difference(Synthesizer("fixed", length=256), trainable=True)
    assert fixed == -queries_and_keys and round(67e6 + fixed, -6) == 61e6
    assert difference(random) == 0
    assert difference(mix(random, Dot())) == table + BLOCKS * 2
    assert round(67e6 + difference(mix(random, Dot())), -6) == 73e6
    factorized = Synthesizer("factorized_random", length=256, rank=8)
    assert difference(factorized) + queries_and_keys == 12 * 8 * 2 * 256 * 8 == 393_216  # 0.39M
    assert round(67e6 + difference(factorized), -6) == 61e6
    cross = count(SMALL, "/cross/")
    assert cross == count(SMALL.change(attention=random), "/cross/") == 6 * 4 * 512**2


def test_dense_totals_by_the_formula():
    """d² + d·l a block, and the biases; the published 62M is less than its own Table 1 gives."""
    biases = 12 * (512 + 8 * 256)
    dense = 12 * (512**2 + 512 * 256) + biases
    assert difference(Synthesizer("dense", length=256)) == dense - 12 * 2 * 512**2
    factors = 12 * (512**2 + 512 * 32) + 12 * (512 + 8 * 32)
    assert difference(Synthesizer("factorized_dense", length=256)) == factors - 12 * 2 * 512**2
