"""A kernel that keeps no scores says what the attention step by step says, wherever it is used."""

import keras
import numpy as np
import pytest

from comparing import error, numpy_of, tiny
from laboratory import CONTEXT, LABORATORY, OPEN
from playmask.model import kernels, tiles
from playmask.model.masks import Window, register_mask
from playmask.model.parts import Dot, Nezha, ResidualScores, Rotary
from playmask.model.parts.part import Look
from playmask.model.scene import AttentionInputs
from playmask.runtime.gradients import value_and_gradient

pytestmark = pytest.mark.backends

LENGTH = 16
COMPILED = "/jax/core/compile/backend_compile_duration"
MODELS = (
    LABORATORY
    | OPEN
    | {
        "rotary": {"position": Rotary()},
        "nezha": {"position": Nezha()},
        "lm": {"order": "lm"},
        "later_residual": {"attention": {0: Dot(), 1: (Dot(), ResidualScores())}},
    }
)
FUSED = {
    "grouped": 2,
    "query_key_norm": 2,
    "halves": 2,
    "rotary_by_block": 2,
    "buckets_by_block": 2,
    "norms_by_block": 2,
    "biases": 2,
    "dot": 2,
    "unscaled": 2,
    "alibi": 2,
    "rotary": 2,
    "lm": 2,
    "context": 4,
    "by_block": 1,
    "joined": 2,
    "joined_by_block": 1,
}
"""How many attentions of a model's two blocks a kernel can do; none of other models."""


class Kernel:
    """Counts how often a kernel is used, and says whether there is one."""

    def __init__(self, monkeypatch, attend) -> None:
        self.used, self.there = 0, True
        self.attend = attend
        monkeypatch.setattr(kernels, "fastest", lambda *_, **__: self if self.there else None)

    def __call__(self, *arguments, **options):
        self.used += 1
        return self.attend(*arguments, **options)

    def with_and_without(self, run):
        """What comes of it in both ways, and how often the kernel was used."""
        self.used, self.there = 0, True
        found = run()
        self.there = False
        used, wanted = self.used, run()
        assert self.used == used
        return found, wanted, used


@pytest.fixture
def kernel(monkeypatch):
    return Kernel(monkeypatch, kernels.attend)


@pytest.fixture
def tiled(monkeypatch):
    """The kernel in tiles, of 8 sites at most."""
    monkeypatch.setattr(tiles, "TILE", 8)
    monkeypatch.setattr(tiles, "ALIGNMENT", 1)
    return Kernel(monkeypatch, tiles.attend)


@pytest.fixture
def on_jax():
    if keras.backend.backend() != "jax":
        pytest.skip("tiles are for JAX's processors alone")


def inputs_for(model):
    random = np.random.default_rng(0)
    inputs = {
        "tokens": random.integers(1, 40, (2, LENGTH)).astype("int32"),
        "valid": np.arange(LENGTH) < np.array([[LENGTH], [11]]),
    }
    if model.architecture.context is not None:
        inputs["context"] = random.normal(size=(2, 3, CONTEXT)).astype("float32")
    return inputs


@pytest.mark.parametrize("name", MODELS)
def test_the_kernel_says_what_the_steps_say(name, kernel):
    model = tiny(**MODELS[name])
    inputs = inputs_for(model)
    found, wanted, used = kernel.with_and_without(lambda: model(inputs)["hidden"])
    assert error(found, wanted) < 2e-5
    assert used == FUSED.get(name, 0)


@pytest.mark.parametrize("name", FUSED)
def test_tiles_say_what_the_steps_say(name, tiled, on_jax):
    model = tiny(**MODELS[name])
    inputs = inputs_for(model)
    found, wanted, used = tiled.with_and_without(lambda: model(inputs)["hidden"])
    assert error(found, wanted) < 2e-6
    assert used == FUSED[name]


def test_who_wants_the_weights_gets_them(kernel):
    model = tiny()
    inputs = inputs_for(model)
    run = lambda: model(inputs, attention=True)["attention"]  # noqa: E731
    found, wanted, used = kernel.with_and_without(run)
    assert used == 0 and len(found) == 2
    assert error(found[1], wanted[1]) < 1e-6


@pytest.mark.parametrize(("rate", "times"), [(0.0, 2), (0.1, 0)])
def test_gradients_are_the_same_and_dropout_is_kept(rate, times, kernel):
    model = tiny(attention_dropout=rate, dropout=0.0, position="alibi")
    inputs = inputs_for(model)
    tokens = inputs.pop("tokens")
    vectors = numpy_of(model.embeddings.tokens(tokens))

    def run():
        def total(x):
            return model({**inputs, "vectors": x}, training=True)["hidden"][:, 0, :3]

        return value_and_gradient(model, total)(keras.ops.convert_to_tensor(vectors))[1]

    found, wanted, used = kernel.with_and_without(run)
    assert used == times
    if not rate:
        assert error(found, wanted) < 2e-5


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("position", ["rotary", "alibi"])
def test_half_precision_and_a_query_that_sees_nothing(dtype, position, kernel):
    exact = tiny(position=position)
    model = type(exact)(exact.architecture, dtype=dtype)
    model.set_weights(exact.get_weights())
    inputs = inputs_for(model)
    inputs["allowed"] = np.tri(LENGTH, k=-1, dtype=bool)[None]
    found, wanted, used = kernel.with_and_without(lambda: model(inputs)["hidden"])
    assert used == 2
    assert error(found, exact(inputs)["hidden"]) < 0.05
    assert error(wanted, exact(inputs)["hidden"]) < 0.05


MASKS = {
    "window": {"order": "lm", "mask": Window(3)},
    "custom": {
        "mask": register_mask("second keys", lambda _, keys: keys.position[:, None] % 2 == 0)
    },
}


@pytest.mark.parametrize("mask", MASKS)
def test_tiles_of_which_nothing_is_seen_are_passed_over(mask, tiled, on_jax):
    model = tiny(**MASKS[mask])
    inputs = inputs_for(model)
    inputs["allowed"] = np.ones((1, LENGTH, LENGTH), bool)
    inputs["allowed"][:, 3] = inputs["allowed"][:, 8:, :8] = False  # a query, and a tile
    found, wanted, used = tiled.with_and_without(lambda: model(inputs)["hidden"])
    assert error(found, wanted) < 2e-6 and used == 2


def test_tiles_have_the_gradients_of_the_steps(tiled, on_jax):
    model = tiny(position="rotary")
    inputs = inputs_for(model)
    vectors = keras.ops.convert_to_tensor(numpy_of(model.embeddings.tokens(inputs.pop("tokens"))))
    inputs["allowed"] = np.tri(LENGTH, k=-1, dtype=bool)[None]

    def run():
        total = lambda x: model({**inputs, "vectors": x})["hidden"][:, 0, :3]  # noqa: E731
        return value_and_gradient(model, total)(vectors)[1]

    found, wanted, used = tiled.with_and_without(run)
    assert error(found, wanted) < 2e-5 and used == 2


class Sized:
    """Stands for a tensor of which only the shape matters."""

    def __init__(self, *shape) -> None:
        self.shape = shape


@pytest.mark.parametrize(
    ("batch", "queries", "keys", "options", "wanted"),
    [
        (1, 2048, 2048, {}, True),
        (4, 512, 512, {}, True),
        (8, 128, 128, {}, False),
        (64, 128, 128, {}, True),
        (1, 512, 512, {"biased": True}, True),
        (1, 2048, 2048, {"biased": True}, False),
        (1, 2048, 2048, {"training": True}, False),
        (1, 2048, 2048, {"dtype": "bfloat16"}, False),
        (8, 1, 2**17, {}, False),
        (None, 2048, 2048, {}, False),
    ],
)
def test_tiles_are_for_long_texts(batch, queries, keys, options, wanted, on_jax):
    x, values = Sized(batch, queries, 768), Sized(batch, 12, keys, 64)
    inputs = AttentionInputs(x, None, {"values": values}, None, None)
    options = {"dtype": "float32", "heads": 12, "biased": False, "training": False, **options}
    assert (kernels.fastest(inputs, **options) is tiles.compiled()) == wanted


def test_each_length_is_compiled_once_outside_of_other_programs(on_jax):
    """A loop that is called eagerly would be compiled at every call."""
    import jax

    def attend_all() -> int:
        names.clear()
        for x in texts:
            seen = np.ones((1, 1, x.shape[2], x.shape[2]), bool)
            tiles.compiled()(x, x, x, seen, None, scale=1.0)
        return len(names)

    def note(event: str, seconds: float, **_: object) -> None:
        names.extend([event] * (event == COMPILED))

    names: list[str] = []
    texts = [keras.ops.ones((1, 3, length, 5)) for length in range(21, 31)]
    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        assert [attend_all(), attend_all()] == [10, 0]
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


@pytest.mark.parametrize(("queries", "barriers"), [(1, 0), (4, 1), (16, 1), (17, 0)])
def test_scores_of_a_few_queries_are_computed_in_the_order_as_written(queries, barriers, on_jax):
    """Else XLA turns the product, for what follows it takes it the other way round."""
    import jax

    def scores(q, k):
        return Dot().logits(Look(None, q, k, None, None, None))

    q, k = np.ones((1, 2, queries, 4), "float32"), np.ones((1, 2, 8, 4), "float32")
    assert jax.jit(scores).lower(q, k).as_text().count("optimization_barrier") == barriers
