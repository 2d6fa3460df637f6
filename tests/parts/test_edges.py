"""Every part where things are small, absent or coarse, and on its way through files."""

import json
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY, error, numpy_of, tiny, tokens
from laboratory import CONTEXT, FOLLOWING, LABORATORY
from playmask.errors import ConfigError, InputError
from playmask.model.architecture import Architecture
from playmask.model.transformer import Transformer

pytestmark = pytest.mark.backends

PARTS = pytest.mark.parametrize("part", LABORATORY)


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


@pytest.mark.parametrize("part", LABORATORY)
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
    """In playmask's own format, a fixed Synthesizer's numbers too; with one token alone."""
    model, inputs = model_for(part), inputs_for(part, 1, 1)
    playmask.save(model, tmp_path)
    again = playmask.load(tmp_path, heads=())
    assert again.architecture == model.architecture
    assert again.report.fresh == again.report.ignored == ()
    one = numpy_of(model(inputs)["hidden"])
    assert one.shape == (1, 1, 24) and np.isfinite(one).all()
    assert error(again(inputs)["hidden"], one) == 0


@pytest.mark.parametrize("part", ["pseudo_self", "context"])
def test_a_context_of_no_vectors_is_one_of_padding(part):
    model, inputs = model_for(part), inputs_for(part)
    padding = {**inputs, "context_valid": np.zeros((2, 3), bool)}
    nothing = {**inputs, "context": np.zeros((2, 0, CONTEXT), "float32")}
    assert error(model(nothing)["hidden"], model(padding)["hidden"]) < 2e-6


@pytest.mark.parametrize("part", ["pseudo_self", "context"])
def test_a_context_of_any_length_in_a_functional_model(part):
    model, inputs = model_for(part), inputs_for(part)
    given = {
        "tokens": keras.Input((None,), dtype="int32", name="tokens"),
        "context": keras.Input((None, CONTEXT), name="context"),
    }
    whole = keras.Model(given, model(given)["hidden"])
    assert error(whole(inputs), model(inputs)["hidden"]) < 2e-6


def test_a_blind_query_gives_no_weight_to_anything():
    out = tiny(depth=1)(
        {"tokens": tokens(1, 4), "allowed": np.tri(4, k=-1, dtype=bool)[None]}, attention=True
    )
    sums = numpy_of(out["attention"][0]).sum(-1)[0]
    assert (sums[:, 0] == 0).all() and np.allclose(sums[:, 1:], 1, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mixer": "x"}, "mixer must be one such as TalkingHeads"),
        ({"talking_heads": "yes"}, "mixer must be one such as TalkingHeads"),
        ({"context": 6}, "context must be such as PseudoSelf"),
        ({**LABORATORY["token_mixing"], **LABORATORY["pseudo_self"]}, "has no softmax"),
    ],
)
def test_what_is_no_choice_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        TINY.change(**changes)


def test_a_context_of_another_width_is_refused():
    model = model_for("pseudo_self")
    with pytest.raises(InputError, match=r"\(B, 6\) or \(B, E, 6\); received one of the shape"):
        model({"tokens": tokens(2, 5), "context": np.zeros((2, 5), "float32")})
    with pytest.raises(InputError, match="received none"):
        model({"tokens": tokens(2, 5)})
    with pytest.raises(InputError, match="for models that look at one"):
        tiny()({"tokens": tokens(2, 5), "context_valid": np.ones((2, 3), bool)})
