"""Plans of batches: every row once, in its shape, with little padding and few shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playmask.runtime.padding import bucket, buckets
from playmask.runtime.planning import ROW_BASE, SHAPE_PRICE, fine_lengths, plan_batches

LENGTHS = buckets(128)


def lognormal(count: int) -> np.ndarray:
    """Lengths as reviews have them."""
    return np.clip(np.random.default_rng(0).lognormal(4.2, 0.6, count).astype(int), 1, 128)


def computed(batches) -> int:
    return sum(batch.size * batch.length for batch in batches)


@given(st.lists(st.integers(1, 128), max_size=300), st.integers(1, 4096))
def test_each_row_once_where_it_fits(sizes, tokens):
    batches = plan_batches(sizes, LENGTHS, tokens=tokens)
    rows = [int(row) for batch in batches for row in batch.rows]
    assert sorted(rows) == list(range(len(sizes)))
    for batch in batches:
        assert 0 < len(batch.rows) <= batch.size
        assert max(sizes[row] for row in batch.rows) <= batch.length
        assert batch.size == 1 or batch.size * batch.length <= tokens
        assert 2 * len(batch.rows) > batch.size  # less than half are copies


@given(st.lists(st.integers(1, 128), max_size=300), st.integers(1, 4096))
def test_where_shapes_cost_nothing_batches_are_as_long_as_their_rows(sizes, tokens):
    batches = plan_batches(sizes, LENGTHS, tokens=tokens, price=0)
    assert sorted(int(i) for batch in batches for i in batch.rows) == list(range(len(sizes)))
    for batch in batches:
        assert batch.size == len(batch.rows)
        assert batch.length == max(sizes[row] for row in batch.rows)
        assert batch.size == 1 or batch.size * batch.length <= tokens
    lengths = [batch.length for batch in batches]
    assert lengths == sorted(lengths, reverse=True)


def test_many_rows_have_little_padding_and_few_get_no_new_shapes():
    many, few = lognormal(20_000), lognormal(200)
    assert computed(plan_batches(many, LENGTHS)) < 1.06 * many.sum()
    coarse = sum(bucket(size, LENGTHS) for size in many)
    assert coarse > 1.12 * many.sum()
    assert {batch.length for batch in plan_batches(few, LENGTHS)} <= set(LENGTHS)


def test_a_further_length_pays():
    """What all further lengths together save is more than what they cost."""
    sizes = lognormal(8_000)
    further = {batch.length for batch in plan_batches(sizes, LENGTHS)} - set(LENGTHS)
    assert further
    coarse = sum(bucket(size, LENGTHS) for size in sizes)
    used = sorted(further | set(LENGTHS))
    assert coarse - sum(bucket(size, used) for size in sizes) >= SHAPE_PRICE * len(further)


def test_a_length_that_was_used_before_costs_nothing():
    sizes = [68] * (SHAPE_PRICE // 28 + 1)  # 28 less than 96
    assert {batch.length for batch in plan_batches(sizes[:100], LENGTHS)} == {96}
    assert {batch.length for batch in plan_batches(sizes * 2, LENGTHS)} == {72}
    assert {batch.length for batch in plan_batches(sizes, LENGTHS, known=[72])} == {72}


def test_a_length_between_leaves_an_eighth_at_most():
    lengths = fine_lengths(512)
    assert lengths[-1] == 512
    for size in range(17, 513):
        assert bucket(size, lengths) <= max(size + 3, size * 9 / 8)


@pytest.mark.parametrize("left", range(1, 40))
def test_sizes_are_few(left):
    sizes = {batch.size for batch in plan_batches([128] * left, LENGTHS)}
    assert sizes <= {1, ROW_BASE, 16}


def test_nothing_is_no_batch():
    assert plan_batches([], LENGTHS) == []
