"""Files that are read as they are needed: the same examples, little memory, weights, limits."""

import gzip
import tracemalloc
from itertools import chain

import numpy as np
import pytest

from playmask.data.examples import Example, Examples, Weighted
from playmask.data.gathering import check_all
from playmask.data.readers import read_examples, read_pairs, read_single
from playmask.data.streams import fingerprint, gathered, groups_of, shuffled, weights_of
from playmask.errors import DataError
from playmask.runtime.batches import Batches
from playmask.runtime.streamed_batches import StreamedBatches

LINES = "text\tlabel\tweight\n" + "".join(
    f"第{i}行\t{'ab'[i % 2]}\t{1 + i % 3}\n" for i in range(9)
)


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "t.tsv"
    file.write_text(LINES, "utf-8")
    return file


def test_a_stream_is_what_the_reader_reads(table):
    stream, held = read_examples(table, lazily=True), read_examples(table)
    assert [*stream] == [*held] and [*stream] == [*held]  # again, from the file's beginning
    assert len(stream) == 9 and stream.place_of(2) == held.place_of(2)
    assert fingerprint(stream) == fingerprint(held)
    assert [each.weight for each in stream.weighted()] == held.weights
    assert [*stream.part(slice(4))] == held[:4]


def test_other_weights_are_other_data(table):
    held = read_examples(table)
    before = fingerprint(held)
    held.weights[3] = 7
    assert fingerprint(held) != before
    held.weights = []
    assert fingerprint(held) != before


def test_streams_of_every_format(tmp_path):
    lines = tmp_path / "t.jsonl.gz"
    with gzip.open(lines, "wt", encoding="utf-8") as out:
        out.write('{"text": "一", "label": "a", "weight": 2}\n{"text": "二", "label": "b"}\n')
    stream = read_examples(lines, lazily=True)
    assert [*stream.weighted()] == [
        Weighted(Example("一", None, "a"), 2),
        Weighted(Example("二", None, "b"), None),
    ]
    texts = tmp_path / "t.txt"
    texts.write_text("一\n二\n", "utf-8")
    assert [*read_single(texts, lazily=True)] == [Example("一"), Example("二")]
    pairs = tmp_path / "p.csv"
    pairs.write_text("source,target\n一,二\n", "utf-8")
    assert [*read_pairs(pairs, lazily=True)] == [Example("一", "二")]


def test_a_bad_line_is_named_before_anything_is_learnt(table):
    table.write_text(LINES + "x\ty\tz\tw\n", "utf-8")
    stream = read_examples(table, lazily=True)
    with pytest.raises(DataError, match=r"t\.tsv:11: The number of columns"):
        len(stream)
    skipping = read_examples(table, lazily=True, skip_bad=True)
    assert len(skipping) == 9 and "t.tsv:11" in skipping.skipped[0]
    table.write_text(LINES.replace("\t3\n", "\theavy\n"), "utf-8")
    with pytest.raises(DataError, match=r"t\.tsv:4: The weight is 'heavy'; a number above 0"):
        len(read_examples(table, lazily=True))


@pytest.mark.parametrize("weight", [0, -1, "x", True, float("nan"), float("inf")])
def test_a_weight_is_a_number_above_0(weight):
    held = check_all([Weighted(Example("一"), 2), Weighted(Example("二"), weight)], lambda x: x)
    with pytest.raises(DataError, match="Example 1: The weight is"):
        weights_of(held)


def test_weights_stay_with_their_examples():
    held = check_all(["一", Weighted("二", 3), "三"], lambda x: x)
    assert weights_of(held) == [1, 3, 1]
    assert weights_of(held.chosen([1, 0])) == [3, 1]
    assert weights_of(held.part(slice(1, None))) == [3, 1]
    assert weights_of(held.replaced("abc")) == [1, 3, 1]
    assert weights_of(check_all(held, str.upper)) == [1, 3, 1]
    assert weights_of(Examples(["一"])) is None


def test_a_buffer_shuffles_and_loses_nothing():
    order = [*shuffled(range(100), 10, np.random.default_rng(0))]
    assert sorted(order) == [*range(100)] and order != [*range(100)]
    assert order == [*shuffled(range(100), 10, np.random.default_rng(0))]
    assert all(item < place + 10 for place, item in enumerate(order))  # none from further ahead
    assert [*map(len, groups_of(order, 32))] == [32, 32, 32, 4]


def streamed(stream, buffer, size=16):
    def read(group, random):
        yield from map(gathered, groups_of(shuffled(stream.weighted(), buffer, random), group))

    def encode(group, seed):
        rows = [{"tokens": [int(x.text[1:-1]) + 1] * (1 + i % 20)} for i, x in enumerate(group)]
        return Batches(rows, [0] * len(rows), weights_of(group), batch_size=size, seed=seed)

    return StreamedBatches(len(stream), read, encode, batch_size=size, seed=5)


def ids(batch):
    return [*batch[0]["tokens"][batch[2] > 0, 0]]


def test_the_order_depends_on_seed_and_epoch_alone(tmp_path):
    """A training that goes on in the middle has the batches it would have had."""
    file = tmp_path / "t.tsv"
    file.write_text("".join(f"第{i}行\ta\n" for i in range(1200)), "utf-8")
    one, other = (streamed(read_examples(file, lazily=True), 100) for _ in range(2))
    epochs = []
    for epoch in range(2):
        one.set_epoch(epoch)
        epochs.append([ids(one[i]) for i in range(len(one))])
        assert sorted(chain(*epochs[-1])) == [*range(1, 1201)]
    assert {*chain(*epochs[0][:32])} != {*chain(*epochs[1][:32])}  # other ones, not only elsewhere
    other.set_epoch(1)
    assert ids(other[40]) == epochs[1][40] and ids(other[3]) == epochs[1][3]
    assert ids(other[3]) == epochs[1][3]
    file.write_text("第1行\ta\n", "utf-8")
    other.set_epoch(0)
    with pytest.raises(DataError, match="the file has changed"):
        other[10]


def test_a_large_file_takes_little_memory(tmp_path):
    """12 MB of lines, of which a buffer and a group are held."""
    file = tmp_path / "large.tsv"
    with file.open("w", encoding="utf-8") as out:
        for i in range(6_000):
            out.write(f"第{i}行\t{'天地玄黄' * 170}{i}\n")
    assert file.stat().st_size > 12_000_000
    tracemalloc.start()
    stream = read_examples(file, lazily=True)
    batches = streamed(stream, 200)
    seen = sum(len(ids(batches[i])) for i in range(len(batches)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == len(stream) == 6_000
    assert peak < 3_000_000, f"{peak:,} bytes"
