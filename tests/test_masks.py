"""Masks: each against the picture a person would draw."""

import keras
import numpy as np
import pytest

from playmask.errors import ConfigError, InputError
from playmask.model.masks import (
    NEVER,
    Custom,
    Ordered,
    SameText,
    Sites,
    Strict,
    Window,
    order_of,
    register_mask,
    register_order,
)
from playmask.model.recipes import from_json, to_json

pytestmark = pytest.mark.backends


def picture(text: str) -> np.ndarray:
    return np.array([[c == "1" for c in row.split()] for row in text.strip().splitlines()])


PICTURES = {
    "full": (Ordered(), "full", {"length": 3}, "1 1 1\n1 1 1\n1 1 1"),
    "lm": (Ordered(), "lm", {"length": 3}, "1 0 0\n1 1 0\n1 1 1"),
    "unilm": (
        Ordered(),
        "unilm",
        {"segments": [0, 0, 1, 1]},
        "1 1 0 0\n1 1 0 0\n1 1 1 0\n1 1 1 1",
    ),
    "turns": (
        Ordered(),
        "turns",
        {"segments": [0, 0, 1, 1, 0, 0, 1]},
        """
        1 1 0 0 0 0 0
        1 1 0 0 0 0 0
        1 1 1 0 0 0 0
        1 1 1 1 0 0 0
        1 1 1 1 1 1 0
        1 1 1 1 1 1 0
        1 1 1 1 1 1 1
        """,
    ),
    "permutation": (
        Ordered(),
        "permutation",
        {"positions": [2, 0, 1]},
        "1 1 1\n0 1 0\n0 1 1",
    ),
    "query stream": (
        Strict(),
        "permutation",
        {"positions": [2, 0, 1]},
        "0 1 1\n0 0 0\n0 1 0",
    ),
    "window": (
        Ordered() & Window(2),
        "lm",
        {"length": 4},
        "1 0 0 0\n1 1 0 0\n0 1 1 0\n0 0 1 1",
    ),
    "packed": (
        Ordered() & SameText(),
        "lm",
        {"texts": [0, 0, 1, 1]},
        "1 0 0 0\n1 1 0 0\n0 0 1 0\n0 0 1 1",
    ),
    "either": (
        Strict() | Window(1),
        "lm",
        {"length": 3},
        "1 0 0\n1 1 0\n1 1 1",
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_mask_is_as_drawn(name):
    mask, order, toy, drawn = PICTURES[name]
    assert (mask.grid(order, **toy) == picture(drawn)).all()


def test_the_pictures_differ():
    drawn = [mask.grid(order, length=4) for mask, order in ((Ordered(), "lm"), (Strict(), "lm"))]
    assert not (drawn[0] == drawn[1]).all()


def test_plain_cumsum_would_leak_turn_two_into_turn_one():
    segments = [0, 0, 1, 1, 0, 0, 1]
    leaking = Ordered().grid("unilm", segments=segments)
    assert leaking[3, 4] and not Ordered().grid("turns", segments=segments)[3, 4]


def test_drawing():
    assert Ordered().draw("lm", length=2) == "■ ·\n■ ■"


@pytest.mark.parametrize("order", ["lm", "unilm", "turns"])
def test_an_order_goes_on_after_a_cut(order):
    """Cut anywhere the order rises: the second part orders itself against the first."""
    segments = np.array([[0, 0, 1, 1, 0, 0, 1]])
    whole = keras.ops.convert_to_numpy(order_of(order, keras.ops.convert_to_tensor(segments)))
    for cut in (2, 3, 4, 6):
        first = order_of(order, keras.ops.convert_to_tensor(segments[:, :cut]))
        last = keras.ops.max(first, axis=1, keepdims=True)
        second = order_of(order, keras.ops.convert_to_tensor(segments[:, cut:]), last)
        joined = np.concatenate([keras.ops.convert_to_numpy(x) for x in (first, second)], axis=1)
        rising = order != "unilm" or cut != 4  # there, UniLM itself does not rise
        assert ((joined[:, None] <= joined[:, :, None]) == (whole[:, None] <= whole[:, :, None])
                ).all() == rising  # fmt: skip


@pytest.mark.parametrize("mask", [Window(3), SameText(), Ordered(), Strict()])
def test_what_is_never_is_never_seen(mask):
    row = keras.ops.convert_to_tensor([[0, 1, 2]])
    keys = Sites(keras.ops.convert_to_tensor([[0, NEVER, 2]]), row, row * 0)
    seen = keras.ops.convert_to_numpy(mask(Sites(row, row, row * 0), keys))
    assert not seen[0, :, 1].any()


def test_custom_masks_are_known_by_name():
    even = register_mask("even keys", lambda q, k: k.position[:, None, :] % 2 == 0)
    assert (even.grid(length=2) == [[True, False], [True, False]]).all()
    assert from_json(to_json(Ordered() & even)) == Ordered() & Custom("even keys")
    with pytest.raises(ConfigError, match="No mask is registered as 'even'.*'even keys'"):
        Custom("even").grid()


def test_custom_orders_are_known_by_name():
    register_order("pairs", lambda s: (keras.ops.cumsum(keras.ops.ones_like(s), axis=1) - 1) % 2)
    drawn = Ordered().grid("pairs", length=4)
    assert (drawn == picture("1 0 0 0\n1 1 1 0\n1 1 1 0\n1 1 1 1")).all()


def test_errors_say_what_came():
    with pytest.raises(ConfigError, match="no order 'unlim'. Did you mean 'unilm'"):
        Ordered().grid("unlim")
    with pytest.raises(InputError, match="2 numbers were given for a text of 3"):
        Ordered().grid(segments=[0, 1], length=3)
    with pytest.raises(InputError, match="needs its ranks"):
        order_of("permutation", keras.ops.zeros((1, 2), "int32"))
