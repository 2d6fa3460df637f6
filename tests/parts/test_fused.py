"""A kernel that keeps no scores says what the attention step by step says, wherever it is used."""

import keras
import numpy as np
import pytest

from comparing import error, numpy_of, tiny
from laboratory import CONTEXT, LABORATORY, OPEN
from playmask.model import kernels
from playmask.model.parts import Dot, Nezha, ResidualScores, Rotary
from playmask.runtime.gradients import value_and_gradient

pytestmark = pytest.mark.backends

LENGTH = 16
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
    """Counts how often the kernel is used, and says whether there is one."""

    def __init__(self, monkeypatch) -> None:
        self.used, self.there = 0, True
        self.attend = kernels.attend
        monkeypatch.setattr(kernels, "available", lambda dtype: self.there)
        monkeypatch.setattr(kernels, "attend", self)

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
    return Kernel(monkeypatch)


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
