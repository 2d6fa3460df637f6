"""Parts on families' loaded checkpoints, in every order: they load, report, train, save, reload,
and say through the cache what they say without it."""

import re
import warnings
from collections.abc import Hashable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from small import WIDTH, small, traits
from test_cached import pairs_for, rows_for, stepped, uncached

import playmask
from comparing import error, filled, numpy_of
from laboratory import CONTEXT, ENCODING, LABORATORY
from oracles import CLOSE
from pairwise import covering, marked, pairs
from playmask.errors import ConfigError
from playmask.families import FAMILIES
from playmask.model.parts import Gated
from playmask.model.transformer import Transformer, weights_by_name

pytestmark = pytest.mark.matrix

ORDERED = [
    name for name, each in FAMILIES.items() if each.base.decoder is None and "mlm" in each.heads
]
ORDERS = {name: ("full", "lm", "unilm") if name in ORDERED else ("full",) for name in FAMILIES}
"""A discriminator and what has a decoder stay as they are."""
ROWS = [
    (family, part, order) for family in FAMILIES for part in LABORATORY for order in ORDERS[family]
]


def needs(row: tuple[str, str, str]) -> Iterator[Hashable]:
    """What has to meet: kinds of parts, orders, and traits of families that attention knows of.

    A part stands for its kind, which is what it changes, and a family for its traits. Each part in
    every order at once is in tests/parts/test_laboratory.py, each family in test_cached.py.
    """
    family, part, order = row
    yield from pairs((tuple(LABORATORY[part]), order, *traits(family)))
    yield part
    yield family


def learns(row: tuple[str, str, str]) -> Iterator[Hashable]:
    """What is trained: each part, each trait and each order; gradients know of no pairs of them."""
    family, part, order = row
    yield from (part, (order, FAMILIES[family].base.decoder is not None), *traits(family))


RUNS = covering(ROWS, needs)
TRAINED = {*covering(RUNS, learns)}
CASES = marked(
    [(*row, trained) for row in ROWS for trained in (True, False)],
    [(*row, row in TRAINED) for row in RUNS],
)
"""Rows, and whether a step of training is taken in each; `make test-all` takes one in all."""


def refusals(family: str, part: str, order: str) -> Iterator[str]:
    """Why a part cannot stand in a family in an order: each reason, where the last is mended."""
    base, changes = FAMILIES[family].base, LABORATORY[part]
    if part in ENCODING and order != "full":
        yield "follows the order 'full'"
    if part in ENCODING and base.decoder is not None:
        yield "cannot stand in a decoder"
    elif part in ENCODING and any(own.distances for own in base.positions):
        yield "has no distances"
    if "context" in changes and base.decoder is not None:
        yield "for models of one stack"
    if base.key_value_heads is not None:
        if getattr(changes.get("talking_heads"), "key_heads", None):
            yield "has heads of its own for keys or values"
        if part == "token_mixing":
            yield "needs a value projection of its own"


ENABLED = {
    "follows the order 'full'": {"mask": "full"},
    "cannot stand in a decoder": {"decoder": None, "position": "none", "value_size": 6},
    "has no distances": {"position": "none"},
    "for models of one stack": {"decoder": None},
    "has heads of its own for keys or values": {"key_value_heads": None},
    "needs a value projection of its own": {"key_value_heads": None, "value_size": 6},
}
"""What else to choose where a part was refused, so that it can stand there after all."""


@cache
def checkpoint(name: str, place: Path) -> Path:
    """A small model of a family, one block deep where it can be, saved as it is published."""
    heads, base = ("discriminator",) if name == "electra" else ("mlm",), FAMILIES[name].base
    decoder = small(name).decoder
    sizes: dict[str, Any] = {"depth": 1 if decoder is None or decoder.memory is None else 2}
    if decoder is not None:
        sizes["decoder"] = replace(decoder, depth=1)
    if base.vocabulary_head.scale != 1:  # T5's configuration says it by the width
        sizes["vocabulary_head"] = replace(base.vocabulary_head, scale=WIDTH**-0.5)
    if base.embedding_scale != 1:  # as BART's
        sizes["embedding_scale"] = WIDTH**0.5
    model = filled(small(name, **sizes), heads)
    return playmask.save(model, place / name, dialect=next(iter(FAMILIES[name].dialects)))


@pytest.fixture(scope="session")
def place(tmp_path_factory: Any) -> Path:
    return tmp_path_factory.mktemp("matrix")


def inputs_for(model: Transformer) -> dict[str, np.ndarray]:
    """A ragged batch for a model.

    As large as the longest rows that `uncached` reads, so that no operation is compiled twice.
    """
    decoder = model.architecture.decoder is not None
    random, length = np.random.default_rng(3), 4 if decoder else 8
    ids = random.integers(2, 40, (2, length)).astype("int32")
    inputs = {"tokens": ids, "valid": np.arange(length) < np.array([[length], [length - 3]])}
    if model.architecture.context is not None:
        inputs["context"] = random.normal(size=(2, 2, CONTEXT)).astype("float32")
    if decoder:
        inputs["target_tokens"] = random.integers(2, 40, (2, 8)).astype("int32")
    return inputs


PLACED = re.compile("/(attention|cross|cross_norm)/|positions")
"""Where a part's weights are; all others come from the file."""


class Trained(keras.Model):
    """Hidden states alone, so that any loss can be put on them."""

    def __init__(self, transformer: Transformer) -> None:
        super().__init__()
        self.transformer = transformer

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.transformer(inputs, training=training)["hidden"]


def values(model: Transformer) -> dict[str, np.ndarray]:
    return {name: numpy_of(v.value).copy() for name, v in weights_by_name(model).items()}


def assert_cached_equals_uncached(family: str, model: Transformer) -> None:
    """Of ragged prompts, one prefill and single steps say what each text alone says."""
    if model.architecture.decoder is not None:
        batch, prefix = pairs_for(family), "target_"
    else:
        batch, prefix = rows_for(family, model.architecture.order), ""
    if model.architecture.context is not None:
        random = np.random.default_rng(5)
        batch["context"] = random.normal(size=(3, 2, CONTEXT)).astype("float32")
    assert error(stepped(model, batch, prefix=prefix), uncached(model, batch)) < CLOSE


def assert_the_part_learns(model: Transformer, inputs: Any, shape: tuple[int, ...]) -> None:
    """One step of training moves each weight that a part has brought."""
    before, weights = values(model), weights_by_name(model)
    trained = Trained(model)
    trained.compile(keras.optimizers.Adam(1e-2), loss="mse", run_eagerly=True)
    # On JAX, a target of zeros would be as good as any; these move every weight.
    trained.train_on_batch(inputs, np.random.default_rng(5).normal(size=shape))
    moved = {name for name, value in values(model).items() if (value != before[name]).any()}
    new = {item.ours for item in model.report.fresh if weights[item.ours].trainable}
    inside = {name for name in new if "/attention/" in name or "/cross/" in name}
    assert inside <= moved | unmoved(model), sorted(inside - moved)


def test_what_has_to_meet_meets():
    """Each part and each family, each kind with each order and trait; far fewer than all."""
    runs = [case.values[:3] for case in CASES if not case.marks]
    assert {need for row in runs for need in needs(row)} == {n for row in ROWS for n in needs(row)}
    assert {family for family, _, _ in runs} == {*FAMILIES}
    assert {part for _, part, _ in runs} == {*LABORATORY}
    kinds = {(tuple(LABORATORY[part]), order) for _, part, order in runs}
    assert kinds == {(tuple(LABORATORY[part]), order) for _, part, order in ROWS}
    assert len(LABORATORY) * 2 <= len(runs) < len(ROWS) / 5
    trained = [case.values[:3] for case in CASES if not case.marks and case.values[3]]
    assert {need for row in trained for need in learns(row)} == {
        need for row in ROWS for need in learns(row)
    }


@pytest.mark.parametrize(("family", "part", "order", "trained"), CASES)
def test_any_part_on_any_family_in_any_order(family, part, order, trained, place, tmp_path):
    path, changes = checkpoint(family, place), {**LABORATORY[part]}
    if family in ORDERED:
        changes["mask"] = order
    if FAMILIES[family].base.projections == Gated() and "projections" in changes:
        del changes["projections"]  # the gated unit gates its values already
    for reason in refusals(family, part, order):
        with pytest.raises(ConfigError, match=reason):
            playmask.load(path, family=family, **changes)
        changes |= ENABLED[reason]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # weights of another shape start fresh
        model = playmask.load(path, family=family, **changes)
    report, weights = model.report, weights_by_name(model)
    named = [item.ours for item in (*report.loaded, *report.fresh)]
    assert sorted(named) == sorted(weights)
    assert all(item.reason for item in report.fresh)
    elsewhere = [item.ours for item in report.fresh if not PLACED.search(item.ours)]
    assert not elsewhere

    inputs = inputs_for(model)
    hidden = numpy_of(model(inputs)["hidden"])
    assert np.isfinite(hidden).all()
    if model.architecture.order != "full" or model.architecture.decoder is not None:
        assert_cached_equals_uncached(family, model)
    if trained:
        assert_the_part_learns(model, inputs, hidden.shape)

    playmask.save(model, tmp_path / "saved")
    again = playmask.load(tmp_path / "saved")
    assert again.architecture == model.architecture
    assert error(again(inputs)["hidden"], model(inputs)["hidden"]) == 0.0


def unmoved(model: Transformer) -> set[str]:
    """Weights that one short text cannot move: biases that a softmax takes no notice of."""
    return {
        name for name in weights_by_name(model) if name.endswith(("/key/bias", "context/key/bias"))
    }
