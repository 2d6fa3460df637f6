"""Permutation language models: content and query streams, against masks written out."""

import numpy as np
import pytest

import playmask
from comparing import error, numpy_of, tiny, tokens
from playmask.errors import InputError

pytestmark = pytest.mark.backends

RANKS = np.array([[3, 1, 4, 0, 2], [0, 1, 2, 3, 4]], "int32")
MASK = 39


def streams_of(model, **more):
    return playmask.two_streams({"tokens": tokens(2, 5), **more}, RANKS, MASK, model.architecture)


def written_out(valid: np.ndarray, strict: bool = True) -> np.ndarray:
    """XLNet's two masks as one matrix over both streams: bool (B, 10, 10)."""
    lower = RANKS[:, None, :] < RANKS[:, :, None]
    same = np.eye(5, dtype=bool)[None]
    content = (lower | same) & valid[:, None, :]
    query = (lower if strict else lower | same) & valid[:, None, :]
    hidden = np.zeros_like(content)
    return np.block([[content, hidden], [query, hidden]])


@pytest.mark.parametrize("position", ["learned", "rotary", "nezha", "buckets", "alibi"])
def test_both_streams_are_what_the_masks_say(position):
    model = tiny(order="permutation", position=position, heads=("mlm",))
    full = tiny(order="full", position=position, heads=("mlm",))
    valid = np.array([[True] * 5, [True] * 4 + [False]])
    inputs = streams_of(model, valid=valid)
    found = model(inputs)
    plain = {name: numpy_of(inputs[name]) for name in ("tokens", "positions", "read")}
    plain["valid"] = np.ones_like(inputs["valid"])

    def wanted(strict=True):
        return full({**plain, "allowed": written_out(valid, strict)})

    assert error(found["hidden"], wanted()["hidden"]) < 2e-6
    assert error(found["logits"], wanted()["logits"]) < 2e-6
    assert error(found["hidden"], wanted(strict=False)["hidden"]) > 1e-2
    assert found["logits"].shape == (2, 5, 40)
    alone = model({"tokens": tokens(2, 5), "order": RANKS, "valid": valid})
    assert error(found["hidden"][:, :5], alone["hidden"]) < 2e-6  # content needs no queries


def test_a_query_never_sees_its_own_token_nor_later_ones():
    model = tiny(order="permutation", heads=("mlm",))
    before = numpy_of(model(streams_of(model))["logits"])
    changed = tokens(2, 5)
    changed[0, 1] = changed[0, 1] % 30 + 5  # its rank is 1: sites of rank 2, 3, 4 see it
    inputs = playmask.two_streams({"tokens": changed}, RANKS, MASK, model.architecture)
    moved = np.abs(numpy_of(model(inputs)["logits"]) - before).max(-1) > 1e-6
    assert moved.tolist() == [(RANKS[0] > 1).tolist(), [False] * 5]


def test_the_first_query_sees_nothing_but_its_place():
    model = tiny(order="permutation", heads=("mlm",))
    inputs = streams_of(model)
    first = numpy_of(model(inputs)["hidden"])[0, 5 + 3]
    others = playmask.two_streams({"tokens": tokens(2, 5, seed=9)}, RANKS, MASK, model.architecture)
    assert np.allclose(first, numpy_of(model(others)["hidden"])[0, 5 + 3], atol=1e-6)


def test_bad_input_is_refused():
    model = tiny(order="permutation")
    with pytest.raises(InputError, match="'order' is not known"):
        streams_of(model, order=RANKS)
    with pytest.raises(InputError, match="A text of 21 tokens was given to a model of 20"):
        playmask.two_streams({"tokens": tokens(1, 21)}, RANKS, MASK, model.architecture)
