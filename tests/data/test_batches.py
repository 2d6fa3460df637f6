"""Batches of similar length: complete, deterministic, of few shapes and with little padding."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from playmask.errors import InputError
from playmask.runtime.batches import Batches
from playmask.runtime.padding import bucket, buckets, pad
from playmask.runtime.planning import fine_lengths


def sizes_of_reviews(count: int) -> np.ndarray:
    """Token counts distributed as Chinese reviews: median 68, mean 90, cut at 512."""
    return np.clip(np.random.default_rng(0).lognormal(4.2, 0.8, count), 4, 512).astype(int)


def make(sizes, batch_size=32, **options) -> Batches:
    """Batches whose tokens hold the row's number, from 1 on, and whose targets its index."""
    rows = [{"tokens": [i + 1] * n, "segments": [0] * (n - 1) + [1]} for i, n in enumerate(sizes)]
    return Batches(rows, np.arange(len(rows)), batch_size=batch_size, **options)


PLANS = ((1, (64, 512)), (2, (128, 256, 512)), (2, (128, 256, 512)))  # seeds, lengths


def order(batches: Batches) -> list[int]:
    """The rows as they come, padding rows left out."""
    return [
        int(target)
        for _, targets, weights in (batches[i] for i in range(len(batches)))
        for target in targets[weights > 0]
    ]


def waste(batches: Batches, sizes) -> float:
    """The share of padding among all tokens computed."""
    return 1 - sizes.sum() / sum(batches[i][0]["tokens"].size for i in range(len(batches)))


def test_buckets():
    assert buckets(512) == (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
    assert buckets(200) == (16, 32, 48, 64, 96, 128, 200)
    assert buckets(10) == (10,)
    assert buckets(64, smallest=8) == (8, 16, 24, 32, 48, 64)
    assert [bucket(n, buckets(512)) for n in (1, 16, 17, 512)] == [16, 16, 32, 512]
    with pytest.raises(InputError, match="length is 513, but the longest bucket is 512"):
        bucket(513, buckets(512))
    with pytest.raises(InputError, match="positive; got 16 to 0"):
        buckets(0)


def test_pad():
    padded = pad([[1, 2], np.array([3]), []], 3, value=9)
    np.testing.assert_array_equal(padded, [[1, 2, 9], [3, 9, 9], [9, 9, 9]])
    assert padded.dtype == np.int32
    assert pad([], 4).shape == (0, 4)
    with pytest.raises(InputError, match="length 5 cannot be padded to 4"):
        pad([[1] * 5], 4)


@pytest.mark.parametrize("sizes", [sizes_of_reviews(1_003), [5], [5, 500], range(1, 100)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_each_row_comes_once_per_epoch(sizes, shuffle):
    batches = make(sizes, shuffle=shuffle)
    for epoch in (0, 1):
        batches.set_epoch(epoch)
        assert sorted(order(batches)) == list(range(len(sizes)))


def test_a_batch_holds_whole_rows_padded_to_one_bucket():
    sizes = sizes_of_reviews(300)
    batches = make(sizes, padding={"segments": 7}, lengths=buckets(512))
    for inputs, targets, weights in (batches[i] for i in range(len(batches))):
        tokens, segments = inputs["tokens"], inputs["segments"]
        assert tokens.shape == segments.shape == (32, tokens.shape[1])
        assert tokens.shape[1] in buckets(512)
        assert tokens.dtype == segments.dtype == np.int32 and weights.dtype == np.float32
        assert bucket(max(sizes[targets]), buckets(512)) <= tokens.shape[1]
        np.testing.assert_array_equal((tokens == targets[:, None] + 1).sum(1), sizes[targets])
        np.testing.assert_array_equal((tokens == 0).sum(1), (segments == 7).sum(1))
        assert set(weights) <= {0.0, 1.0} and weights[0] == 1


def test_weights_and_arrays_as_targets():
    targets = np.arange(12.0).reshape(3, 4)
    batches = Batches([{"tokens": [1]}] * 3, targets, [0.5, 2, 3], batch_size=5, shuffle=False)
    assert len(batches) == 1
    _, targets, weights = batches[0]
    assert targets.shape == (5, 4)
    np.testing.assert_array_equal(weights, [0.5, 2, 3, 0, 0])


def test_order_depends_on_seed_and_epoch_alone():
    sizes = sizes_of_reviews(2_000)
    batches, again, other = make(sizes, seed=1), make(sizes, seed=1), make(sizes, seed=2)
    first = order(batches)
    assert order(again) == first != order(other)
    batches.on_epoch_end()
    again.set_epoch(1)
    assert order(batches) == order(again) != first
    batches.set_epoch(0)
    assert order(batches) == first
    together = {frozenset(batches[i][1]) for i in range(len(batches))}
    batches.set_epoch(1)
    again = {frozenset(batches[i][1]) for i in range(len(batches))}
    assert len(together & again) < 0.1 * len(batches)  # rare lengths come together again
    fixed = make(sizes, shuffle=False)
    unshuffled = order(fixed)
    fixed.on_epoch_end()
    assert order(fixed) == unshuffled


def test_shapes_and_number_of_batches_are_the_same_in_every_epoch():
    batches = make(sizes_of_reviews(1_000))
    counts = []
    for epoch in range(3):
        batches.set_epoch(epoch)
        counts.append(sorted(batches[i][0]["tokens"].shape for i in range(len(batches))))
    assert counts[0] == counts[1] == counts[2]
    assert len(set(counts[0])) <= len(buckets(512))
    assert batches[0][0]["tokens"].shape != batches[1][0]["tokens"].shape


def test_little_is_wasted():
    sizes = sizes_of_reviews(16_000)
    batches = make(sizes)
    assert waste(batches, sizes) < 0.18
    assert waste(make(sizes, lengths=(16, 32, 64, 128, 256, 512)), sizes) > 0.28
    assert waste(make(sizes, lengths=(512,)), sizes) > 0.8
    filled = sum((batches[i][2] == 0).sum() for i in range(len(batches)))
    assert filled <= 32 < len(sizes) % 32 + 64


def test_few_rows_share_a_batch():
    batches = make([5, 20, 40, 60])
    assert len(batches) == 1
    assert batches[0][0]["tokens"].shape == (32, 64)


@pytest.mark.parametrize("count", [1, 31, 70, 257, 1_000])
def test_no_other_batches_would_be_smaller(count):
    """Against dynamic programming over all ways to cut the sorted rows into batches."""
    sizes = sorted(sizes_of_reviews(count))
    lengths = buckets(-(-sizes[-1] // 16) * 16)
    least = [0]
    for end in range(1, count + 1):
        length = bucket(sizes[end - 1], lengths)
        least.append(length + min(least[max(end - 32, 0) : end]))
    batches = make(sizes)
    assert sum(batches[i][0]["tokens"].shape[1] for i in range(len(batches))) == least[-1]
    assert sum((batches[i][2] == 0).sum() for i in range(len(batches))) == -count % 32


def test_items_are_safe_in_threads():
    batches = make(sizes_of_reviews(2_000))
    wanted = [batches[i] for i in range(len(batches))]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(batches.__getitem__, range(len(batches))))
    for (inputs, *rest), (wanted_inputs, *wanted_rest) in zip(found, wanted, strict=True):
        np.testing.assert_equal(inputs, wanted_inputs)
        np.testing.assert_equal(rest, wanted_rest)


def test_further_lengths_where_they_pay():
    sizes = np.clip(np.random.default_rng(0).lognormal(3.4, 0.4, 4000).astype(int), 8, 128)
    rows = [{"tokens": [1] * size} for size in sizes]

    def computed(price):
        batches = Batches(rows, np.zeros(len(rows)), lengths=buckets(128), price=price)
        return sum(length * batches.batch_size for length, _ in batches._plan), batches.lengths

    (coarse, usual), (finer, chosen) = computed(None), computed(2000)
    assert usual == buckets(128)
    assert sizes.sum() < finer < 0.95 * coarse
    assert coarse - finer > 2000 * (len(chosen) - len(usual)) and set(chosen) - set(usual)
    for length in chosen[:-1]:  # each pays
        saved = (np.array(chosen)[chosen.index(length) + 1] - length) * sum(
            bucket(size, chosen) == length for size in sizes
        )
        assert saved >= 2000
    assert computed(1e9)[1] == (bucket(max(sizes), fine_lengths(128)),)


def test_a_resumed_fit_sees_the_order_it_would_have_seen():
    class Spy(Batches):
        def __getitem__(self, index):
            seen.append((self.epoch, index))
            return super().__getitem__(index)

    rows = [{"tokens": [1] * n} for n in sizes_of_reviews(60)]
    batches = Spy(rows, np.zeros(60), batch_size=8, lengths=(64, 128, 512))
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    pooled = keras.layers.GlobalMaxPooling1D()(keras.layers.Embedding(9, 1)(tokens))
    valid = keras.Input((None,), dtype="bool", name="valid")  # the batches have it
    model = keras.Model({"tokens": tokens, "valid": valid}, pooled)
    model.compile("sgd", "mse", weighted_metrics=["mse"])
    for options in ({"epochs": 2}, {"initial_epoch": 2, "epochs": 3}):
        seen: list[tuple[int, int]] = []
        model.fit(batches, shuffle=False, callbacks=[batches.callback()], verbose=0, **options)
        epochs = range(options.get("initial_epoch", 0), options["epochs"])
        wanted = [(epoch, index) for epoch in epochs for index in range(len(batches))]
        assert seen[-len(wanted) :] == wanted  # before them, Keras looks at the shapes


def test_an_epoch_has_the_batches_of_a_plan_whatever_its_own_would_be():
    sizes = sizes_of_reviews(100)
    first, other, own = (make(sizes, seed=seed, lengths=lengths) for seed, lengths in PLANS)
    first.set_epoch(1)
    other.use_plan(1, first.plan)
    for epoch, like in ((1, first), (2, own), (1, first)):
        for batches in (other, like):
            batches.set_epoch(epoch)
        for (inputs, *_), (wanted, *_) in zip(other, like, strict=True):
            np.testing.assert_array_equal(inputs["tokens"], wanted["tokens"])
    with pytest.raises(InputError, match="The plan is of 100 rows, but there are 99"):
        make(sizes[:99]).use_plan(1, first.plan)
    short = first.plan._replace(counts=first.plan.counts[1:])
    for damaged in (short, first.plan._replace(rows=first.plan.rows.astype(float))):
        with pytest.raises(InputError, match="counts are not those of batches of at most"):
            other.use_plan(1, damaged)
    longer = sizes + 512
    with pytest.raises(InputError, match=r"Row \d+ has length \d+, but the plan pads it to"):
        make(longer).use_plan(1, first.plan)


@pytest.mark.parametrize(
    "rows, targets, options, message",
    [
        ([], [], {}, "no rows"),
        ([{"a": [1], "b": [1, 2]}], [0], {}, r"Row 0 has the lengths \{'a': 1, 'b': 2\}"),
        ([{"a": []}], [0], {}, "Row 0 has the lengths"),
        ([{}], [0], {}, "Row 0 has the lengths"),
        ([{"a": [1]}, {"b": [1]}], [0, 0], {}, r"Row 1 has the keys \['b'\], but row 0"),
        ([{"a": [1]}, {"a": [1] * 9}], [0, 0], {"lengths": [4, 8]}, "Row 1 has length 9, but"),
        ([{"a": [1]}], [0, 1], {}, "2 targets for 1 rows"),
        ([{"a": [1]}], [0], {"weights": []}, "0 weights for 1 rows"),
        ([{"a": [1]}], [0], {"batch_size": 0}, "batch size is 0"),
    ],
)
def test_refusals(rows, targets, options, message):
    with pytest.raises(InputError, match=message):
        Batches(rows, targets, **options)
