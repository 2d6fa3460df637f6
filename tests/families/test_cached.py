"""Every family in every order it has: the cache changes nothing, and nothing leaks."""

from collections.abc import Hashable, Iterator
from itertools import product
from typing import Any

import keras
import numpy as np
import pytest
from small import DECODING, GENERATING, model_of, small, traits

from comparing import error, numpy_of, tokens
from oracles import CLOSE
from pairwise import covering, marked, pairs, singles
from playmask.families import FAMILIES
from playmask.model.masks import Ordered, Window
from playmask.model.transformer import Transformer

pytestmark = pytest.mark.backends

FAR = 1e-2  # what a wrong choice must differ by, at least, in parts of the largest logit
PREFIXES = [5, 3, 5]  # the lengths of the prompts in one ragged batch
STEPS = 3
ORDERS = {
    "lm": [[0] * 5 + [1] * STEPS] * 3,
    "unilm": [[0] * 5 + [1] * STEPS] * 3,
    "turns": [[0, 1, 0, 1, 1] + [1] * STEPS, [0, 0, 1, 1, 1] + [1] * STEPS, [0] * 5 + [1] * STEPS],
}
"""The segments of the rows, prompts and what follows; they are the order's, and the table's."""
NEAR_MISSES = "turns"  # each family has this order, of which "unilm" is a row
Inputs = dict[str, Any]


def needs(row: tuple[str, str]) -> Iterator[Hashable]:
    """Each family has its near misses, and each trait that attention knows of meets each order."""
    name, order = row
    if keras.backend.backend() != "jax":
        yield from singles(row)
    else:
        yield from pairs((order, *traits(name)))
    if order == NEAR_MISSES:
        yield name


def cases(*orders: str) -> list[Any]:
    rows = [*product(GENERATING, orders)]
    return marked(rows, covering(rows, needs))


CASES, LEAKS = cases(*ORDERS), cases("full", *ORDERS)


def rows_for(name: str, order: str) -> Inputs:
    """A ragged batch of prompts with what follows them."""
    ids, segments = tokens(3, 5 + STEPS), np.array(ORDERS[order], "int32")
    ids[ids == FAMILIES[name].base.pad] = 7
    valid = np.ones(ids.shape, bool)
    valid[:, :5] = np.arange(5) < np.array(PREFIXES)[:, None]
    return {"tokens": ids, "segments": segments, "valid": valid}


def pairs_for(name: str) -> Inputs:
    """The same for encoder-decoders, whose texts are ragged on both sides and start as theirs do.

    The encoder's lengths are others than the decoder's.
    """
    base = small(name)
    targets = {f"target_{key}": value for key, value in rows_for(name, "lm").items()}
    targets["target_tokens"][:, 0] = base.start_id
    del targets["target_segments"]
    valid = np.arange(6) < np.array([4, 6, 4])[:, None]
    ids = tokens(3, 6, seed=5)
    ids[ids == base.pad] = 7
    return {"tokens": np.where(valid, ids, base.pad), **targets}


def alone(batch: Inputs, pad: int = 0) -> list[tuple[list[int], Inputs]]:
    """Rows without their padding, those of the same lengths together: their numbers, their inputs.

    Two of the same lengths have no padding, so that nothing can tell them from each by itself.
    """
    valid = {"target_": batch.get("target_valid"), "": batch.get("valid", batch["tokens"] != pad)}
    groups: dict[tuple[bytes, ...], list[int]] = {}
    for i in range(len(batch["tokens"])):
        lengths = tuple(mask[i].tobytes() for mask in valid.values() if mask is not None)
        groups.setdefault(lengths, []).append(i)
    pieces = []
    for rows in groups.values():
        piece = {"context": batch["context"][rows]} if "context" in batch else {}
        for name in batch.keys() - {"context"}:
            shown = valid["target_" if name.startswith("target_") else ""][rows]
            piece[name] = batch[name][rows][shown].reshape(len(rows), -1)
        pieces.append((rows, piece))
    return pieces


def stepped(model: Transformer, batch: Inputs, shift: int = 0, prefix: str = "") -> np.ndarray:
    """The logits after the prompts: one prefill, then one token at a time, through the cache."""
    always = {name: value for name, value in batch.items() if name == "context"}
    cut = {
        name: value
        for name, value in batch.items()
        if name.startswith(prefix) and name not in always
    }
    once = {name: value for name, value in batch.items() if name not in cut | always}
    total = batch[f"{prefix}tokens"].shape[1]
    cache, logits = model.empty_cache(3, total + 2), []
    for start, stop in [(0, total - STEPS), *((i, i + 1) for i in range(total - STEPS, total))]:
        piece = {name: value[:, start:stop] for name, value in cut.items()}
        if shift and start:
            filled = batch[f"{prefix}valid"][:, :start].sum(1, keepdims=True)
            piece[f"{prefix}positions"] = (filled + shift).astype("int32")
        out = model({**always, **once, **piece, "cache": cache, "at": np.int32(start)})
        once, cache = {}, out["cache"]
        logits.append(numpy_of(out["logits"]))
    return np.concatenate(logits[1:], axis=1)


def uncached(model: Transformer, batch: Inputs) -> np.ndarray:
    """The same logits from rows without padding and cache."""
    last: dict[int, np.ndarray] = {}
    for rows, piece in alone(batch, model.architecture.pad or 0):
        last |= zip(rows, numpy_of(model(piece)["logits"])[:, -STEPS:], strict=True)
    return np.stack([last[i] for i in range(len(last))])


def model_for(name: str, order: str, **changes: Any) -> Transformer:
    """A model of the order; RoBERTa's one segment is made the two that "unilm" speaks of."""
    segments = {"segments": 2} if FAMILIES[name].base.segments == 1 else {}
    return model_of(name, order=order, **segments, **changes)


@pytest.mark.parametrize(("name", "order"), CASES)
def test_cached_equals_uncached(name, order):
    model, batch = model_for(name, order), rows_for(name, order)
    right = uncached(model, batch)
    assert error(stepped(model, batch), right) < CLOSE
    if order == NEAR_MISSES:
        narrow = model_for(name, order, mask=Ordered() & Window(2))
        assert error(stepped(narrow, batch), right) > FAR
        assert error(stepped(model, batch, shift=1), right) > FAR


@pytest.mark.parametrize("name", DECODING)
def test_a_decoder_with_its_memory_in_the_cache(name):
    model, batch = model_of(name), pairs_for(name)
    wanted = uncached(model, batch)
    assert error(stepped(model, batch, prefix="target_"), wanted) < CLOSE
    memory = {"memory": model({"tokens": batch["tokens"]})["memory"]}
    given = {**batch, **memory, "memory_valid": batch["tokens"] != FAMILIES[name].base.pad}
    del given["tokens"]
    assert error(stepped(model, given, prefix="target_"), wanted) < CLOSE
    given["memory_valid"] = np.ones_like(given["memory_valid"])
    assert error(stepped(model, given, prefix="target_"), wanted) > FAR
    assert error(stepped(model, batch, shift=1, prefix="target_"), wanted) > FAR
    narrow = model_of(name, mask=Ordered() & Window(2))
    assert error(stepped(narrow, batch, prefix="target_"), wanted) > FAR


# Leaks

TEXT = np.array([0, 0, 0, 1, 1, 0, 1, 1], "int32")  # segments of one text, of two turns
PADDED = np.arange(8) < 6


def moved(model: Transformer, inputs: Inputs, name: str, output: str = "logits") -> np.ndarray:
    """Change one token at a time, all in one batch: (query, key) -> whether the query moved."""
    count = inputs[name].shape[1]
    rows = {key: np.repeat(value, count + 1, axis=0) for key, value in inputs.items()}
    places = np.arange(count)
    rows[name][places + 1, places] = rows[name][places + 1, places] % 37 + 2  # neither 0 nor 1
    found = numpy_of(model(rows)[output])
    return (np.abs(found[1:] - found[:1]).max(-1) > 1e-6 * np.abs(found).max()).T


def grid_of(order: str) -> np.ndarray:
    """Who looks at whom, a token always at itself, in a text whose last two are padding."""
    return Ordered().grid(order, segments=TEXT) & PADDED | np.eye(8, dtype=bool)


@pytest.mark.parametrize(("name", "order"), LEAKS)
def test_nothing_leaks(name, order):
    """The order of sites is transitive, so that two blocks see what one sees."""
    ids = tokens(1, 8) % 37 + 2
    inputs = {"tokens": ids, "segments": TEXT[None], "valid": PADDED[None]}
    found = moved(model_for(name, order), inputs, "tokens")[:6]
    assert (found == grid_of(order)[:6]).all()
    wrong = {"full": "lm", "lm": "unilm", "unilm": "lm", "turns": "lm"}[order]
    assert not (found == grid_of(wrong)[:6]).all()


@pytest.mark.parametrize("name", DECODING)
def test_nothing_leaks_into_a_decoder(name):
    ids = tokens(1, 8) % 37 + 2
    inputs = {"tokens": ids, "valid": PADDED[None], "target_tokens": ids[:, :5]}
    model = model_of(name)
    assert (moved(model, inputs, "target_tokens") == np.tri(5, dtype=bool)).all()
    assert (moved(model, inputs, "tokens") == PADDED).all()
    assert (moved(model, inputs, "tokens", "memory")[:6] == PADDED).all()
