"""Every part where things are small, absent or coarse, and on its way through files."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY, error, numpy_of, tiny, tokens
from laboratory import CONTEXT, FOLLOWING, LABORATORY
from playmask.architectures import Architecture
from playmask.transformer import Transformer

pytestmark = pytest.mark.backends

PARTS = pytest.mark.parametrize("part", LABORATORY)

BACKEND = keras.backend.backend()


def failing_on_tensorflow(one: str, parts: Iterable[str]) -> list[Any]:
    """Names of parts, one of which is known not to work there yet."""
    mark = pytest.mark.xfail(BACKEND == "tensorflow", reason="not yet", strict=True)
    return [pytest.param(part, marks=mark) if part == one else part for part in parts]


@cache
def model_for(part: str) -> Transformer:
    """A model of one block with a part."""
    order = "lm" if part in FOLLOWING else "full"
    return tiny(depth=1, order=order, **LABORATORY[part])


def inputs_for(part: str, rows: int = 2, length: int = 5) -> dict[str, Any]:
    """Tokens, and a context of three vectors where the part looks at one."""
    inputs: dict[str, Any] = {"tokens": tokens(rows, length)}
    if "context" in LABORATORY[part]:
        random = np.random.default_rng(9)
        inputs["context"] = random.normal(size=(rows, 3, CONTEXT)).astype("float32")
    return inputs


@PARTS
def test_one_token_alone(part):
    one = numpy_of(model_for(part)(inputs_for(part, 1, 1))["hidden"])
    assert one.shape == (1, 1, 24) and np.isfinite(one).all()


@pytest.mark.parametrize("part", FOLLOWING)
def test_a_query_that_sees_nothing(part):
    """Two texts that differ in one token, as they are and with all keys hidden from the last."""
    inputs = {name: x[[0, 0, 0, 0]] for name, x in inputs_for(part).items()}
    inputs["tokens"][1::2, 3] = inputs["tokens"][0, 3] % 39 + 1
    allowed = np.ones((4, 5, 5), bool)
    allowed[2:, -1] = False
    last = numpy_of(model_for(part)({**inputs, "allowed": allowed})["hidden"])[:, -1]
    assert np.isfinite(last).all() and error(last[3], last[2]) < 2e-6
    assert error(last[1], last[0]) > 1e-3 and error(last[2], last[0]) > 1e-3


@pytest.mark.parametrize("part", failing_on_tensorflow("alibi", LABORATORY))
def test_bfloat16_is_near(part):
    model, inputs = model_for(part), inputs_for(part)
    half = Transformer(model.architecture, dtype="mixed_bfloat16")
    half.set_weights(model.get_weights())
    found = half(inputs)["hidden"]
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    assert 1e-5 < error(keras.ops.cast(found, "float32"), model(inputs)["hidden"]) < 0.05


def test_no_two_parts_are_equal_and_all_travel():
    made = {name: TINY.change(**changes) for name, changes in LABORATORY.items()}
    again = {
        n: Architecture.from_json(json.loads(json.dumps(a.to_json()))) for n, a in made.items()
    }
    assert again == made
    assert all(hash(again[name]) == hash(made[name]) for name in made)
    made.pop("dot")  # what TINY has anyway
    assert len({*made.values(), TINY}) == len(made) + 1


@PARTS
def test_save_and_load(part, tmp_path):
    """In playmask's own format, the numbers of a fixed Synthesizer too."""
    model, inputs = model_for(part), inputs_for(part)
    playmask.save(model, tmp_path)
    again = playmask.load(tmp_path, heads=())
    assert again.architecture == model.architecture
    assert again.report.fresh == again.report.ignored == ()
    assert error(again(inputs)["hidden"], model(inputs)["hidden"]) == 0


@pytest.mark.xfail(BACKEND != "tensorflow", reason="split reshapes (-1, 0, …)", strict=True)
@pytest.mark.parametrize("part", ["pseudo_self", "context"])
def test_a_context_of_no_vectors_is_one_of_padding(part):
    model, inputs = model_for(part), inputs_for(part)
    padding = {**inputs, "context_valid": np.zeros((2, 3), bool)}
    nothing = {**inputs, "context": np.zeros((2, 0, CONTEXT), "float32")}
    assert error(model(nothing)["hidden"], model(padding)["hidden"]) < 2e-6


@pytest.mark.parametrize("part", failing_on_tensorflow("pseudo_self", ["pseudo_self", "context"]))
def test_a_context_of_any_length_in_a_functional_model(part):
    model, inputs = model_for(part), inputs_for(part)
    given = {
        "tokens": keras.Input((None,), dtype="int32", name="tokens"),
        "context": keras.Input((None, CONTEXT), name="context"),
    }
    whole = keras.Model(given, model(given)["hidden"])
    assert error(whole(inputs), model(inputs)["hidden"]) < 2e-6
