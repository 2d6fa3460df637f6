"""Every part in every order: the cache changes nothing, and nothing leaks past the mask."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pytest

from comparing import error, numpy_of, tiny, tokens
from laboratory import CONTEXT, FOLLOWING, OPEN
from pairwise import crossed
from playmask.model.masks import Ordered, SameText, Window
from playmask.model.transformer import Transformer

CLOSE, FAR = 2e-5, 1e-3
PROMPTS = np.array([5, 3, 5])  # the lengths of the prompts in one ragged batch
STEPS = 2
TOTAL = int(PROMPTS.max()) + STEPS
SOURCE = [[0] * 5 + [1] * STEPS] * 3
ORDERS: dict[str, dict[str, Any]] = {
    "lm": {},
    "unilm": {"segments": SOURCE},
    "turns": {
        "segments": [[0, 1, 0, 1, 1] + [1] * STEPS, [0, 0, 1, 1, 1] + [1] * STEPS, SOURCE[0]]
    },
    "permutation": {"order": [[2, 0, 4, 1, 3, 5, 6], [1, 2, 0, 9, 9, 3, 4], [*range(7)]]},
    "window": {},
    "packed": {"texts": [[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1], [0] * 7]},
}
"""What the inputs say besides tokens; a prompt of 3 has two sites of padding after it."""
MASKS = {"window": Ordered() & Window(3), "packed": Ordered() & SameText()}
CASES = crossed([*FOLLOWING, *OPEN], ORDERS, marks=[pytest.mark.backends])

Inputs = dict[str, Any]


@cache
def model_for(part: str, order: str) -> Transformer:
    """A tiny model with a part, in an order and its mask; made once."""
    kind = order if order not in MASKS else "lm"
    mask = MASKS.get(order, Ordered())
    return tiny(heads=("mlm",), order=kind, mask=mask, **(FOLLOWING | OPEN)[part])


def batch_for(part: str, order: str) -> Inputs:
    """Ragged prompts with what follows them."""
    valid = np.ones((3, TOTAL), bool)
    valid[:, : TOTAL - STEPS] = np.arange(TOTAL - STEPS) < PROMPTS[:, None]
    inputs = {"tokens": tokens(3, TOTAL), "valid": valid}
    inputs |= {name: np.array(values, "int32") for name, values in ORDERS[order].items()}
    if "context" in (FOLLOWING | OPEN)[part]:
        random = np.random.default_rng(5)
        inputs["context"] = random.normal(size=(3, 2, CONTEXT)).astype("float32")
        inputs["context_valid"] = np.array([[True, True], [True, False], [True, True]])
    return inputs


def sited(inputs: Inputs) -> dict[str, bool]:
    """Which inputs have one value for each site."""
    return {name: not name.startswith("context") for name in inputs}


def uncached(model: Transformer, batch: Inputs, rows: Iterable[int] = range(3)) -> np.ndarray:
    """The last logits from each row by itself, without padding and cache."""
    found = []
    for i in rows:
        keep = batch["valid"][i]
        row = {n: v[i, keep][None] if sited(batch)[n] else v[i : i + 1] for n, v in batch.items()}
        if "context_valid" in row:
            there = row.pop("context_valid")[0]
            row["context"] = row["context"][:, there]
        found.append(numpy_of(model(row)["logits"])[:, -STEPS:])
    return np.concatenate(found)


def stepped(model: Transformer, batch: Inputs, mask: Any = None, shift: int = 0) -> np.ndarray:
    """The same through the cache: one prefill, then one token at a time."""
    kept, found = model.empty_cache(3, TOTAL + 1), []
    for start, stop in [(0, TOTAL - STEPS), *((i, i + 1) for i in range(TOTAL - STEPS, TOTAL))]:
        piece = {n: v[:, start:stop] if sited(batch)[n] else v for n, v in batch.items()}
        if shift and start:
            before = batch["valid"][:, :start].sum(1, keepdims=True)
            piece["positions"] = (before + shift).astype("int32")
        out = model({**piece, "cache": kept, "at": np.int32(start)})
        kept = out["cache"]
        found.append(numpy_of(out["logits"]))
    return np.concatenate(found[1:], axis=1)


def test_the_cases_are_many():
    assert len(CASES) >= 150


@pytest.mark.parametrize(("part", "order"), CASES)
def test_cached_equals_uncached_and_a_wrong_mask_does_not(part, order):
    model, batch = model_for(part, order), batch_for(part, order)
    wanted = uncached(model, batch)
    assert error(stepped(model, batch), wanted) < CLOSE
    right = model.architecture
    try:  # the mask is read at every call, so that no second model is needed
        model.architecture = right.change(mask=right.mask & Window(2))
        assert error(uncached(model, batch, [0]), wanted[:1]) > FAR
    finally:
        model.architecture = right


@pytest.mark.parametrize("part", FOLLOWING)
def test_shifted_positions_show(part):
    model, batch = model_for(part, "lm"), batch_for(part, "lm")
    assert error(stepped(model, batch, shift=1), uncached(model, batch)) > FAR


@pytest.mark.parametrize("part", FOLLOWING)
@pytest.mark.parametrize("order", ["lm", "unilm", "permutation"])
def test_nothing_leaks(part, order):
    """Change one token at a time, all in one batch, and see which sites move."""
    model, count = model_for(part, order), 8
    segments = np.array([[0, 0, 0, 1, 1, 1, 1, 1]], "int32")
    ranks = np.array([[3, 1, 6, 0, 2, 5, 7, 4]], "int32")
    rows = np.repeat(tokens(1, count) % 30 + 2, count + 1, axis=0)
    rows[np.arange(count) + 1, np.arange(count)] += 5
    inputs = {"tokens": rows, "segments": np.repeat(segments, count + 1, axis=0)}
    if order == "permutation":
        inputs["order"] = np.repeat(ranks, count + 1, axis=0)
    if "context" in FOLLOWING[part]:
        inputs["context"] = np.ones((count + 1, CONTEXT), "float32")
    hidden = numpy_of(model(inputs)["hidden"])
    found = (np.abs(hidden[1:] - hidden[:1]).max(-1) > 1e-6).T
    grids = {
        "lm": Ordered().grid("lm", length=count),
        "unilm": Ordered().grid("unilm", segments=segments[0]),
        "permutation": ranks <= ranks.T,
    }
    assert not (found & ~grids[order]).any()
    assert (found & ~np.eye(count, dtype=bool)).any()  # something is seen at all
