"""Rows are full, nothing is lost, packed equals alone, shares are disjoint, and steps repeat."""

import keras
import numpy as np
import pytest

from comparing import error, filled, numpy_of
from families.small import small
from playmask.errors import ConfigError
from playmask.model.parts import Learned
from playmask.model.transformer import weights_by_name
from playmask.pretraining.network import apart, numbered
from playmask.pretraining.packing import pack
from playmask.pretraining.training import Pretraining
from playmask.runtime.peer_processes import BatchShare, OwnRows
from playmask.runtime.train.backup import position_in
from pretraining.pretrainings import DOCUMENTS, PHRASES, WORDS, batches_of, pretraining

FAMILIES_THAT_PACK = (
    "albert", "nezha", "roformer", "deberta_v2", "gpt2", "llama", "xlnet", "modernbert",
    "gau_alpha",
)  # fmt: skip
SIZES = (1, 2, 3, 5, 8, 13, 21, 34)


@pytest.mark.parametrize("framing", [0, 2, 3])
def test_rows_are_full_and_no_token_is_lost(framing):
    offsets = np.concatenate([[0], np.cumsum(SIZES)])
    documents = np.random.default_rng(0).permutation(len(SIZES))
    pieces = pack(documents, offsets, 8, framing)
    sizes = pieces.sizes + framing * pieces.framed
    filled = np.add.reduceat(sizes, pieces.rows[:-1])
    assert (filled[:-1] == 8).all() and 0 < filled[-1] <= 8 and (pieces.sizes > 0).all()
    tokens = [t for a, n in zip(*pieces[:2], strict=True) for t in range(a, a + n)]
    expected = [t for d in documents for t in range(offsets[d], offsets[d + 1])]
    assert tokens == expected


def test_batches_hold_the_corpus_once_a_pass_in_an_order_of_their_own():
    task = pretraining("lm")
    batches = batches_of(task, DOCUMENTS, seed=4)
    orders = []
    for turn in range(2):
        batches.set_epoch(turn)
        every = [batches[i] for i in range(len(batches))]
        tokens = np.concatenate([inputs["tokens"] for inputs, _, _ in every])
        valid = np.concatenate([inputs["valid"] for inputs, _, _ in every])
        assert valid.mean() > 0.95 and valid[:-4].all(axis=1).sum() >= len(valid) - 5
        orders.append(tokens)
    assert not np.array_equal(*orders)
    counts = np.bincount(task.corpus(DOCUMENTS).tokens, minlength=len(WORDS))
    batches.set_epoch(0)
    found = np.zeros(len(WORDS), int)
    for turn, place in ((0, i) for i in range(len(batches))):
        rows = batches.rows(turn, place)
        packed = batches.assemble(turn, rows)
        found += np.bincount(
            packed.tokens[packed.valid & (rows >= 0)[:, None]], minlength=len(WORDS)
        )
    special = [*WORDS.special.values()]
    assert np.array_equal(np.delete(found, special), np.delete(counts, special))


@pytest.fixture(scope="module")
def packed():
    """Packed rows of short texts, and the places (N, L) in them of those that are whole."""
    batches = batches_of(pretraining("lm"), [*PHRASES, *PHRASES])
    rows = batches.assemble(0, batches.rows(0, 0))
    texts = [(i, t) for i, row in enumerate(rows.texts) for t in range(row.max() + 1)]
    places = [np.flatnonzero((rows.texts == t) & (np.arange(len(rows.texts)) == i)[:, None])
              for i, t in texts]  # fmt: skip
    longest = max(map(len, places))
    whole = np.array([own for own in places if len(own) == longest])
    assert len(whole) >= 5 and (whole % rows.texts.shape[1] > longest).any()
    return rows, whole


PLAIN = pretraining("lm").transformer.architecture
ARCHITECTURES = {
    "learned": PLAIN.change(position=Learned(32)),
    "numbered": PLAIN.change(position=Learned(30, offset=2)),  # from another one on, as RoBERTa's
    **{
        name: small(name, depth=1, vocabulary=len(WORDS), pad=WORDS.pad)
        for name in FAMILIES_THAT_PACK
    },
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_packed_logits_are_those_of_each_text_alone(packed, name):
    """And where texts see each other, they are not."""
    rows, whole = packed
    a = ARCHITECTURES[name]
    model = filled(a, ("mlm",))
    inputs = numbered(dict(rows.inputs), a)
    alone = numpy_of(model({"tokens": rows.tokens.ravel()[whole]})["logits"])

    def far(inputs):
        together = numpy_of(model(inputs)["logits"])
        return error(together.reshape(-1, together.shape[-1])[whole], alone)

    assert far(apart(inputs)) < 1e-5
    assert far(inputs) > 1e-3


@pytest.mark.parametrize(
    ("objective", "devices", "asked", "rows"),
    [("mlm", 4, 6, 8), ("mlm", 4, 8, 8), ("simbert", 3, 8, 12), ("simbert", 4, 6, 8)],
)
def test_devices_get_equally_many_rows_and_whole_pairs(
    monkeypatch, objective, devices, asked, rows
):
    monkeypatch.setattr("playmask.runtime.devices.data_parallel", lambda: devices)
    batches = batches_of(pretraining(objective), DOCUMENTS, asked)
    assert batches.batch_size == rows
    assert {len(batches[i][0]["tokens"]) for i in range(len(batches))} == {rows}
    numbers = [number for i in range(len(batches)) for number in batches.rows(0, i)]
    assert sorted(n for n in numbers if n >= 0) == sorted(batches.order(0))


def test_shares_of_two_processes_are_disjoint_and_together_the_whole():
    whole = batches_of(pretraining("mlm"), DOCUMENTS)
    parts = [OwnRows(whole, BatchShare(process, 2)) for process in range(2)]
    for i in range(len(whole)):
        inputs, targets, weights = whole[i]
        first, second = (part[i] for part in parts)
        for name, array in inputs.items():
            assert np.array_equal(array, np.concatenate([first[0][name], second[0][name]]))
        assert np.array_equal(targets, np.concatenate([first[1], second[1]]))
        assert len(first[2]) == len(second[2]) == len(weights) // 2


def test_epochs_of_some_steps_go_on_with_the_pass():
    task = pretraining("mlm")
    whole = batches_of(task, DOCUMENTS)
    parts = batches_of(task, DOCUMENTS, steps=2)
    assert len(parts) == 2 and len(whole) > 3
    parts.set_epoch(1)
    assert np.array_equal(parts[1][0]["tokens"], whole[3][0]["tokens"])
    fixed = batches_of(task, DOCUMENTS, fixed=True)
    before = fixed[0][0]["tokens"]
    fixed.set_epoch(3)
    assert np.array_equal(fixed[0][0]["tokens"], before)


class Killed(Exception):
    """What ends a training."""


class Kill(keras.callbacks.Callback):
    """Ends a training in the middle of its second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (1, 3):
            raise Killed


def test_a_training_goes_on_within_an_epoch_bit_for_bit(tmp_path):
    options = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "verbose": 0, "save_every": 1}
    whole = pretraining("mlm")
    whole.fit(DOCUMENTS, directory=tmp_path / "whole", **options)
    begun = pretraining("mlm")
    with pytest.raises(Killed):
        begun.fit(DOCUMENTS, directory=tmp_path / "part", callbacks=[Kill()], **options)
    assert position_in(tmp_path / "part") == (1, 3)
    again = Pretraining.load(tmp_path / "part")
    with pytest.raises(ConfigError, match="on other examples"):
        again.fit(DOCUMENTS[1:], directory=tmp_path / "part", resume=True, **options)
    again.fit(DOCUMENTS, directory=tmp_path / "part", resume=True, **options)
    for name, weight in weights_by_name(whole.transformer).items():
        other = weights_by_name(again.transformer)[name]
        assert np.array_equal(numpy_of(weight.value), numpy_of(other.value)), name
