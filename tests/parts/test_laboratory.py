"""Every part in every order: the cache changes nothing, and nothing leaks past the mask.

A part sees the order of sites and never where it comes from, so that the rows of one batch have
all orders. That models derive them so, with a cache too, is in tests/families/test_cached.py.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import product
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from comparing import error, numpy_of, tiny, tokens
from laboratory import CONTEXT, FOLLOWING, OPEN
from pairwise import covering, marked
from playmask.model.masks import Mask, Ordered, SameText, Window, order_of
from playmask.model.transformer import Transformer

CLOSE, FAR = 2e-5, 1e-3
PROMPTS = np.array([5, 3, 5])  # the lengths of the prompts in one ragged batch
STEPS = 2
TOTAL = int(PROMPTS.max()) + STEPS
SOURCE = [[0] * 5 + [1] * STEPS] * 3
TURNS = [[0, 1, 0, 1, 1] + [1] * STEPS, [0, 0, 1, 1, 1] + [1] * STEPS, SOURCE[0]]
SEGMENTS = {"lm": SOURCE, "unilm": SOURCE, "turns": TURNS}
RANKS = {
    name: numpy_of(order_of(name, ops.convert_to_tensor(rows, "int32")))
    for name, rows in SEGMENTS.items()
}
RANKS["permutation"] = np.array([[2, 0, 4, 1, 3, 5, 6], [1, 2, 0, 9, 9, 3, 4], [*range(7)]])
TEXTS = np.array([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1], [0] * 7], "int32")
"""What the inputs say besides tokens; a prompt of 3 has two sites of padding after it."""
COUNT = len(PROMPTS) * len(RANKS)
MASKS = {
    "ordered": Ordered(),
    "window": Ordered() & Window(3),
    "packed": Ordered() & SameText(),
    "both": Ordered() & Window(3) & SameText(),
}
PARTS = FOLLOWING | OPEN
Inputs = dict[str, Any]


def needs(row: tuple[str, str]) -> Iterator[Hashable]:
    """Each part meets all that masks forbid, and each kind of part each mask by itself.

    A part gets a mask as one matrix, where it cannot tell what forbids.
    """
    part, mask = row
    kind = tuple(PARTS[part])
    if keras.backend.backend() != "jax":
        yield from (part, mask)
    else:
        yield from ((kind, mask), part if mask == "both" else mask)


ROWS = [*product(PARTS, MASKS)]
CASES = marked(ROWS, covering(ROWS, needs), pytest.mark.backends)


@cache
def model_for(part: str) -> Transformer:
    """A tiny model with a part; made once."""
    return tiny(heads=("mlm",), order="lm", mask=Ordered(), **PARTS[part])


def batch_for(part: str, mask: str) -> Inputs:
    """Ragged prompts with what follows them, once in each order."""
    valid = np.ones((COUNT, TOTAL), bool)
    valid[:, : TOTAL - STEPS] = np.arange(TOTAL - STEPS) < np.tile(PROMPTS, len(RANKS))[:, None]
    inputs = {
        "tokens": tokens(COUNT, TOTAL),
        "valid": valid,
        "segments": np.concatenate([SEGMENTS.get(name, SOURCE) for name in RANKS]).astype("int32"),
        "order": np.concatenate([*RANKS.values()]).astype("int32"),
    }
    if mask in ("packed", "both"):
        inputs["texts"] = np.tile(TEXTS, (len(RANKS), 1))
    if "context" in PARTS[part]:
        random = np.random.default_rng(5)
        inputs["context"] = random.normal(size=(COUNT, 2, CONTEXT)).astype("float32")
        inputs["context_valid"] = np.array([[True, True], [True, False], [True, True]] * len(RANKS))
    return inputs


def sited(inputs: Inputs) -> dict[str, bool]:
    """Which inputs have one value for each site."""
    return {name: not name.startswith("context") for name in inputs}


def uncached(model: Transformer, batch: Inputs, rows: Iterable[int] = range(COUNT)) -> np.ndarray:
    """The last logits of rows without padding and cache, those of one length together."""
    lengths, last = defaultdict(list), {}
    for i in rows:
        lengths[int(batch["valid"][i].sum())].append(i)
    for same in lengths.values():
        keep, count = batch["valid"][same], len(same)
        part = {
            name: values[same][keep].reshape(count, -1) if sited(batch)[name] else values[same]
            for name, values in batch.items()
        }
        if "context_valid" in part:
            there = part.pop("context_valid")[0]
            part["context"] = part["context"][:, there]
        last |= zip(same, numpy_of(model(part)["logits"])[:, -STEPS:], strict=True)
    return np.stack([last[i] for i in rows])


def stepped(model: Transformer, batch: Inputs, shift: int = 0) -> np.ndarray:
    """The same through the cache: one prefill, then one token at a time."""
    kept, logits = model.empty_cache(COUNT, TOTAL + 1), []
    for start, stop in [(0, TOTAL - STEPS), *((i, i + 1) for i in range(TOTAL - STEPS, TOTAL))]:
        piece = {n: v[:, start:stop] if sited(batch)[n] else v for n, v in batch.items()}
        if shift and start:
            before = batch["valid"][:, :start].sum(1, keepdims=True)
            piece["positions"] = (before + shift).astype("int32")
        out = model({**piece, "cache": kept, "at": np.int32(start)})
        kept = out["cache"]
        logits.append(numpy_of(out["logits"]))
    return np.concatenate(logits[1:], axis=1)


@contextmanager
def masked(model: Transformer, mask: Mask) -> Iterator[Transformer]:
    """A model with another mask, which is read at every call, so that no second one is needed."""
    before = model.architecture
    model.architecture = before.change(mask=mask)
    try:
        yield model
    finally:
        model.architecture = before


def test_the_cases_are_many():
    assert len(CASES) * len(RANKS) >= 500


@cache
def expected(part: str, mask: str) -> np.ndarray:
    """What is right; made once."""
    with masked(model_for(part), MASKS[mask]) as model:
        return uncached(model, batch_for(part, mask))


def errors(value: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of each order's rows by themselves, so that none hides behind another's larger logits."""
    orders = len(RANKS)
    return np.array(list(map(error, np.split(value, orders), np.split(right, orders))))


@pytest.mark.parametrize(("part", "mask"), CASES)
def test_cached_equals_uncached_and_a_wrong_mask_does_not(part, mask):
    batch, right = batch_for(part, mask), expected(part, mask)
    with masked(model_for(part), MASKS[mask]) as model:
        assert (errors(stepped(model, batch), right) < CLOSE).all()
    with masked(model, MASKS[mask] & Window(2)):  # of the first row of each order
        wrong = uncached(model, batch, range(0, COUNT, len(PROMPTS)))
        assert (errors(wrong, right[:: len(PROMPTS)]) > FAR).all()


@pytest.mark.parametrize("part", FOLLOWING)
def test_shifted_positions_show(part):
    shifted = stepped(model_for(part), batch_for(part, "ordered"), shift=1)
    assert (errors(shifted, expected(part, "ordered")) > FAR).all()


@pytest.mark.parametrize("part", FOLLOWING)
def test_nothing_leaks(part):
    """Change one token at a time, all in one batch, and see which sites move."""
    model, count = model_for(part), 8
    segments = np.array([[0, 0, 0, 1, 1, 1, 1, 1]], "int32")
    ranks = {name: numpy_of(order_of(name, segments)) for name in ("lm", "unilm")}
    ranks["permutation"] = np.array([[3, 1, 6, 0, 2, 5, 7, 4]], "int32")
    rows = np.repeat(tokens(1, count) % 30 + 2, count + 1, axis=0)
    rows[np.arange(count) + 1, np.arange(count)] += 5
    inputs = {
        "tokens": np.tile(rows, (len(ranks), 1)),
        "segments": np.repeat(segments, len(ranks) * (count + 1), axis=0),
        "order": np.repeat(np.concatenate([*ranks.values()]), count + 1, axis=0).astype("int32"),
    }
    if "context" in FOLLOWING[part]:
        inputs["context"] = np.ones((len(inputs["tokens"]), CONTEXT), "float32")
    hidden = numpy_of(model(inputs)["hidden"])
    for order, rank in ranks.items():
        one, hidden = hidden[: count + 1], hidden[count + 1 :]
        moved = (np.abs(one[1:] - one[:1]).max(-1) > 1e-6).T
        assert not (moved & ~(rank <= rank.T)).any(), order
        assert (moved & ~np.eye(count, dtype=bool)).any(), order  # something is seen at all
