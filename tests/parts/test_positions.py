"""Position parts against their formulas, written again in plain numpy with float64."""

import math

import keras
import numpy as np
import pytest

from comparing import error, numpy_of, tiny, tokens
from playmask.errors import ConfigError, InputError
from playmask.model.masks import Sites
from playmask.model.parts import (
    DynamicScaling,
    Hierarchical,
    Learned,
    LinearScaling,
    LlamaScaling,
    Look,
    Nezha,
    NtkScaling,
    Rotary,
    Sinusoidal,
    StoredRotary,
    YarnScaling,
)
from playmask.model.parts.learned import HierarchicalTable
from playmask.model.transformer import weights_by_name

pytestmark = pytest.mark.backends

CLOSE = 2e-6
FAR = 1e-2
SIZES = [2, 8, 10]


def sites(*rows: list[int]) -> Sites:
    """Sites at given positions; their order plays no part here."""
    positions = np.array(rows, "int32")
    return Sites(np.zeros_like(positions), positions, np.zeros_like(positions))


def heads(length: int, size: int, seed: int, rows: int = 2) -> np.ndarray:
    """Random queries, keys or values: (B, 3, T, H)."""
    return np.random.default_rng(seed).normal(size=(rows, 3, length, size)).astype("float32")


def rotated(part: Rotary, q: np.ndarray, k: np.ndarray, at: Sites) -> list[np.ndarray]:
    """What becomes of queries and keys."""
    tensors = (keras.ops.convert_to_tensor(x) for x in (q, k))
    return [numpy_of(part.rotate(x, at)) for x in tensors]


# Rotary


def turned(x: np.ndarray, positions: np.ndarray, base: float) -> np.ndarray:
    """Each pair as a complex number, times e to the power of i·position·speed."""
    pairs = x[..., 0::2].astype("float64") + 1j * x[..., 1::2]
    speeds = [base ** (-2 * i / x.shape[-1]) for i in range(x.shape[-1] // 2)]
    pairs = pairs * np.exp(1j * positions[:, None, :, None] * np.array(speeds))
    return np.stack([pairs.real, pairs.imag], -1).reshape(x.shape)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("base", [10000.0, 500.0])
def test_rotary_turns_pairs(size, base):
    at = sites([0, 1, 2, 3], [7, 5, 100, 511])
    q, k = heads(4, size, 1), heads(4, size, 2)
    found = rotated(Rotary(base), q, k, at)
    for x, y in zip((q, k), found, strict=True):
        assert error(y, turned(x, at.position, base)) < 1e-5  # float32 angles of up to 511
        if size > 2:  # the first pair turns by one radian a site, whatever the base is
            assert error(y, turned(x, at.position, base * 1.5)) > FAR


def test_rotary_scores_depend_on_the_distance_only():
    q, k = heads(4, 8, 1, rows=1), heads(4, 8, 2, rows=1)

    def scores(*positions: int) -> np.ndarray:
        a, b = rotated(Rotary(), q, k, sites(list(positions)))
        return a @ b.swapaxes(-1, -2)

    assert error(scores(50, 51, 53, 57), scores(0, 1, 3, 7)) < 1e-5
    assert error(scores(0, 1, 3, 8), scores(0, 1, 3, 7)) > FAR


SCALED = {
    LlamaScaling(32.0, 8192): (500000.0, 64, {0: 1.0, 14: 3.211446e-3, 15: 1.290548e-3,
                                              16: 4.295567e-4, 17: 9.708286e-5, 31: 9.418306e-8}),
    YarnScaling(4.0, 32768): (1e6, 128, {0: 1.0, 23: 6.978306e-3, 24: 5.375321e-3,
                                         39: 6.490394e-5, 40: 4.445699e-5, 63: 3.102344e-7}),
    YarnScaling(8.0, 64, 4.0, 0.5, 1.3, truncate=False): (10000.0, 16, {
        0: 1.0, 1: 0.2874086, 2: 0.0424418, 3: 3.952847e-3, 7: 3.952847e-5}),
    LinearScaling(2.5): (10000.0, 16, {0: 0.4, 1: 0.1264911, 7: 1.264911e-4}),
    DynamicScaling(4.0, 16): (10000.0, 16, {0: 1.0, 1: 0.3162278, 7: 3.162278e-4}),
    NtkScaling(8.0): (20000.0, 64, {
        i: 160000.0 ** (-i / 32) / 8 ** (1 / 32) for i in (0, 1, 31)}),
    NtkScaling(8.0, 0.625): (20000.0, 64, {
        i: 20000.0 ** (-i / 32) / math.exp(math.log(8) * ((i + 1) / 32) ** 0.625)
        for i in (0, 1, 31)}),
}  # fmt: skip
"""By scaling: the base, the size of a head, and by how much some pairs turn at each position.

Those of the first four were computed by transformers 5.24.0, those of GTE's by their formula.
"""


@pytest.mark.parametrize("scaling", SCALED)
def test_scaled_rotary_turns_as_its_program_does(scaling):
    base, size, speeds = SCALED[scaling]
    each = scaling.frequencies(base, size)
    assert {i: each[i] for i in speeds} == pytest.approx(speeds, rel=2e-6)
    at, x = sites([0, 3, 7, 15]), heads(4, size, 1, rows=1)
    left, right = np.split(x.astype("float64"), 2, axis=-1)
    z = (left + 1j * right) * np.exp(1j * at.position[:, None, :, None] * each)
    right = np.concatenate([z.real, z.imag], -1) * scaling.amplitude
    assert error(rotated(Rotary(base, halves=True, scaling=scaling), x, x, at)[0], right) < 1e-5
    if isinstance(scaling, (LinearScaling, NtkScaling, YarnScaling)):  # near sites show it
        assert error(rotated(Rotary(base, halves=True), x, x, at)[0], right) > FAR


def test_what_a_scaling_is_multiplied_with_and_how_far_it_goes():
    assert YarnScaling(4.0, 32768).amplitude == pytest.approx(1.138629436)
    assert YarnScaling(4.0, 32768, temperature=1.5).amplitude == 1.5
    assert LlamaScaling(4.0, 64).amplitude == 1.0 and LlamaScaling(4.0, 64).limit is None
    model = tiny(position=Rotary(scaling=DynamicScaling(2.0, 6)))
    assert model.architecture.limit == 6
    with pytest.raises(InputError, match="7 tokens .* 6 positions"):
        model({"tokens": tokens(1, 7)})
    with pytest.raises(ConfigError, match="high of LlamaScaling must be a number above 4"):
        LlamaScaling(2.0, 64, low=4.0, high=4.0)


def test_a_stored_table_turns_as_rotary_where_it_holds_its_numbers():
    """Hugging Face's layout: all sines, then all cosines."""
    model, plain = (tiny(position=part) for part in (StoredRotary(12), Rotary()))
    speeds = 10000.0 ** (-np.arange(0, 6, 2) / 6)
    angles = np.arange(12)[:, None] * speeds
    values = {name: v.value for name, v in weights_by_name(plain).items()}
    table = np.concatenate([np.sin(angles), np.cos(angles)], 1)
    for name, variable in weights_by_name(model).items():
        variable.assign(table if name.startswith("blocks/rotary") else values[name])
    ids = {"tokens": tokens(2, 9)}
    assert error(model(ids)["hidden"], plain(ids)["hidden"]) < CLOSE * 10
    weights_by_name(model)["blocks/rotary/embeddings"].assign(table[:, ::-1])
    assert error(model(ids)["hidden"], plain(ids)["hidden"]) > FAR


# NEZHA


def waves(number: int, size: int, base: float = 10000.0) -> np.ndarray:
    """Vaswani et al. 2017, §3.5, one number at a time."""
    return np.array(
        [
            np.sin(number / base ** (i / size)) if i % 2 == 0
            else np.cos(number / base ** ((i - 1) / size))
            for i in range(size)
        ]
    )  # fmt: skip


def away(query: int, key: int, clip: int, size: int) -> np.ndarray:
    """The vector of a distance: its row in a table that starts at -clip."""
    return waves(max(-clip, min(clip, key - query)) + clip, size)


NEZHAS = {
    "short": (64, [0, 1, 2, 3], [0, 1, 2, 3]),
    "clipped": (3, [0, 5, 9, 4], [8, 0, 4, 30]),
    "long": (64, [0, 63, 64, 200], [0, 64, 65, 130]),
}


@pytest.mark.parametrize("name", NEZHAS)
def test_nezha_in_scores_and_values(name):
    clip, queries, keys = NEZHAS[name]
    q, k, v = (heads(4, size, seed, rows=1) for size, seed in ((8, 1), (8, 2), (6, 3)))
    weights = np.abs(heads(4, 4, 4, rows=1))
    table = np.array([[away(i, j, clip, 8) for j in keys] for i in queries])
    scores = np.einsum("bnth,tsh->bnts", q.astype("float64"), table) / np.sqrt(8)
    table = np.array([[away(i, j, clip, 6) for j in keys] for i in queries])
    values = np.einsum("bnts,tsv->bntv", weights.astype("float64"), table)

    def run(part: Nezha) -> tuple[np.ndarray, np.ndarray]:
        at = sites(queries), sites(keys)
        return part.logits(Look(None, q, k, *at, None)), part.values(weights, v, *at)

    found, other = run(Nezha(clip)), run(Nezha(clip + 1))
    for one, two, wanted in zip(found, other, (scores, values), strict=True):
        assert error(one, wanted) < 1e-5 and error(two, wanted) > FAR


def test_distances_beyond_the_clip_are_one():
    q = heads(1, 8, 1, rows=1)
    scores = numpy_of(Nezha(4).logits(Look(None, q, q, sites([0]), sites([3, 4, 5, 99]), None)))
    assert np.array_equal(scores[..., 1], scores[..., 2])
    assert np.array_equal(scores[..., 1], scores[..., 3])
    assert error(scores[..., 0], scores[..., 1]) > FAR


# Added to the embedding


@pytest.mark.parametrize("size", SIZES)
def test_sinusoidal(size):
    numbers = [0, 1, 2, 77, 511]
    layer = Sinusoidal().table(size, name="positions", dtype="float32")
    wanted = np.array([[waves(n, size) for n in numbers]])
    assert error(layer(np.array([numbers])), wanted) < 1e-4 / 2  # sines of 511 in float32
    assert error(layer(np.array([numbers])), wanted[..., ::-1]) > FAR


@pytest.mark.parametrize("alpha", [0.4, 0.25])
def test_hierarchical_reaches_the_square(alpha):
    table = np.random.default_rng(1).normal(size=(5, 6)).astype("float32")
    layer = HierarchicalTable(5, 6, alpha=alpha, name="positions")
    layer.build(None)
    layer.embeddings.assign(table)
    found = numpy_of(layer(np.arange(25)[None]))[0]
    u = (table.astype("float64") - alpha * table[0]) / (1 - alpha)
    wanted = np.array([alpha * u[p // 5] + (1 - alpha) * u[p % 5] for p in range(25)])
    assert error(found, wanted) < CLOSE
    assert error(found[:5], table) < CLOSE  # the first positions are the table's own rows
    assert len(np.unique(found.round(4), axis=0)) == 25
    assert Hierarchical(5).limit == 25


def test_learned_with_an_offset_does_not_count_padding():
    """RoBERTa: padding takes the row before the first position's, here row 1."""
    valid = np.array([[True, True, False, True], [False, True, True, True]])
    assert numpy_of(Learned(8, offset=2).number(valid)).tolist() == [[0, 1, -1, 2], [-1, 0, 1, 2]]
    assert numpy_of(Learned(8).number(valid)).tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("part", [Nezha(), Rotary(), Sinusoidal()])
def test_odd_sizes_are_refused(part):
    with pytest.raises(ConfigError, match="make it even"):
        tiny(position=part, width=9, attention_heads=3)
