"""Steering: the cache moves towards what is asked for, and only as far as it may."""

import numpy as np
import pytest

from comparing import error, log_softmax, numpy_of, tiny, tokens
from playmask.errors import ConfigError
from playmask.generation.steering import bag_of_words, classified_as, steered

pytestmark = pytest.mark.backends

BAG = [5, 9, 17]


def prompted(model, slots=8):
    """The cache of a ragged prompt, and the inputs of the next step."""
    valid = np.array([[True] * 4, [True, True, False, False]])
    prompt = {"tokens": tokens(2, 4), "valid": valid}
    out = model({**prompt, "cache": model.empty_cache(2, slots), "at": np.int32(0)})
    return {"tokens": tokens(2, 1, seed=8), "cache": out["cache"], "at": np.int32(4)}


def chance(logits) -> np.ndarray:
    return np.exp(log_softmax(logits))[:, BAG].sum(-1)


@pytest.mark.backends("tensorflow")
def test_a_bag_of_words_becomes_likelier_and_more_so_with_more_steps():
    model = tiny(order="lm", heads=("mlm",))
    inputs = prompted(model)
    plain = chance(model(inputs)["logits"][:, -1])
    one, five = (
        chance(
            steered(model, bag_of_words(BAG), step_size=0.2, gamma=1.0, iterations=n)(inputs)[
                "logits"
            ][:, -1]
        )
        for n in (1, 5)
    )
    assert (plain < one).all() and (one < five).all()
    away = steered(model, lambda logs, hidden: -bag_of_words(BAG)(logs, hidden), step_size=0.2)
    assert (chance(away(inputs)["logits"][:, -1]) < plain).all()


def test_without_a_step_it_is_the_model():
    model = tiny(order="lm", heads=("mlm",))
    inputs = prompted(model)
    found, wanted = steered(model, bag_of_words(BAG), step_size=0.0)(inputs), model(inputs)
    assert error(found["logits"], log_softmax(wanted["logits"][:, -1:])) < 2e-6
    for one, other in zip(found["cache"]["kv"], wanted["cache"]["kv"], strict=True):
        assert error(one["keys"], other["keys"]) < 2e-6


def test_only_the_window_moves_and_padding_never():
    model = tiny(order="lm", heads=("mlm",))
    inputs = prompted(model)
    out = steered(model, bag_of_words(BAG), window=2)(inputs)
    before, after = (numpy_of(x["cache"]["kv"][0]["values"]) for x in (inputs, out))
    moved = (np.abs(after - before).max(axis=(1, 3)) > 1e-9)[:, :4]
    assert moved.tolist() == [[False, False, True, True], [True, True, False, False]]


@pytest.mark.backends("torch")
def test_a_classifier_of_the_hidden_state_can_be_asked():
    model = tiny(order="lm", heads=("mlm",))
    inputs, random = prompted(model), np.random.default_rng(3)
    kernel = random.normal(size=(24, 2)).astype("float32")
    asked = classified_as(kernel, np.zeros(2, "float32"), 1)
    # One more step, from the cache that was handed on, says the label more clearly.
    run = steered(model, asked, step_size=0.2, gamma=1.0, iterations=5)

    def share(cache) -> np.ndarray:
        out = model({**inputs, "cache": cache})
        return numpy_of(out["hidden"][:, -1]) @ kernel @ np.array([-1.0, 1.0])

    moved = {**run(inputs)["cache"]}
    for name in ("order", "position", "text"):
        moved[name] = inputs["cache"][name]
    assert (share(moved) > share(inputs["cache"])).all()


def test_what_cannot_be_steered_is_refused():
    with pytest.raises(ConfigError, match="heads='mlm'"):
        steered(tiny(order="lm"), bag_of_words(BAG))
    with pytest.raises(ConfigError, match="received none"):
        bag_of_words([])
