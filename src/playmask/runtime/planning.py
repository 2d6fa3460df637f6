"""Length bucketing: which rows form a batch, and to what length they are padded."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

BATCH_TOKENS = (
    2048  # of a batch: enough for the products, few enough that activations stay in the cache
)
SHAPE_PRICE = 4096  # tokens of padding that a further length must save, where nothing else is said
COMPILE_OPERATIONS = 3e11  # operations that take about as long as compiling one more shape
ROW_BASE = 8  # a batch that is not full has a power of so many rows: few shapes


class PlannedBatch(NamedTuple):
    """A planned batch: the indices of its rows, and its shape, in rows and tokens.

    Where size is more than there are rows, copies fill it up.
    """

    rows: np.ndarray
    size: int
    length: int


def price_of(weights: int, passes: int = 1) -> float:
    """Price of compiling one more shape of a model, in the tokens it computes in that time.

    weights: its numbers, with each of which a token is multiplied about once; passes: 3 where it
    learns: a token costs three times as much then, and a shape about nine times
    """
    return COMPILE_OPERATIONS * passes / (2 * max(weights, 1))


def fine_lengths(maximum: int) -> list[int]:
    """List fine bucket lengths, at most an eighth padding: 16, 20 … 32, 36 … 64, 72 and so on."""
    lengths = [min(16, maximum)]
    while lengths[-1] < maximum:
        power = 2 ** (lengths[-1].bit_length() - 1)
        lengths.append(min(lengths[-1] + max(4, power // 8), maximum))
    return lengths


def plan_batches(
    sizes: Sequence[int],
    lengths: Sequence[int],
    *,
    known: Collection[int] = (),
    tokens: int = BATCH_TOKENS,
    price: float = SHAPE_PRICE,
) -> list[PlannedBatch]:
    """Group rows by length into batches of about `tokens` tokens, the longest first.

    sizes: each row's length; lengths: the ascending buckets that always may be used; known: others
    that may be, since they have been used before; price: the tokens of padding that any further
    length must save; 0: shapes cost nothing, and each batch is as long as its longest row
    """
    numbers = np.asarray(sizes, np.int64)
    order = np.argsort(-numbers, kind="stable")
    if not price:
        return _exact(numbers, order, tokens)
    chosen = choose_lengths(numbers, lengths, known=known, price=price)
    batches = []
    for length, group in _groups(numbers, order, chosen):
        start = 0
        while start < len(group):
            size = _rows(len(group) - start, max(1, tokens // length))
            batches.append(PlannedBatch(group[start : start + size], size, length))
            start += size
    return batches


def _exact(numbers: np.ndarray, order: np.ndarray, tokens: int) -> list[PlannedBatch]:
    """Batches of rows in order, none of them filled up."""
    batches: list[PlannedBatch] = []
    start = 0
    while start < len(order):
        longest = int(numbers[order[start]])
        rows = order[start : start + max(1, tokens // longest)]
        batches.append(PlannedBatch(rows, len(rows), longest))
        start += len(rows)
    return batches


def _groups(
    numbers: np.ndarray, order: np.ndarray, chosen: np.ndarray
) -> list[tuple[int, np.ndarray]]:
    """The rows of each length, in order."""
    places = np.searchsorted(chosen, numbers[order])
    return [(int(chosen[p]), order[places == p]) for p in np.unique(places)[::-1]]


def row_sizes(full: int) -> list[int]:
    """The sizes that batches have, in rows, where a full one has `full`."""
    return [ROW_BASE**n for n in range(full.bit_length()) if ROW_BASE**n < full] + [full]


def _rows(left: int, full: int) -> int:
    """Batch size in rows: of the sizes, the largest that is more than half filled."""
    return max(size for size in row_sizes(full) if 2 * left > size)


def choose_lengths(
    sizes: Sequence[int] | np.ndarray,
    lengths: Sequence[int],
    *,
    known: Collection[int] = (),
    price: float = SHAPE_PRICE,
) -> np.ndarray:
    """Choose bucket lengths that minimise padding plus compilation cost (dynamic programming).

    sizes: each row's length; lengths: ascending ones that are free; known: others that are, too;
    price: what compiling any further length costs, in tokens of padding
    """
    coarse, sizes = np.asarray(lengths), np.asarray(sizes, np.int64)
    if (coarse[np.searchsorted(coarse, sizes)] - sizes).sum() < price:
        return coarse
    free = {*lengths, *known}
    offered = sorted({*fine_lengths(int(coarse[-1])), *free})
    counts = np.bincount(np.searchsorted(offered, sizes), minlength=len(offered))
    least: list[float] = [0.0]  # the cost of the rows up to each length
    before = [-1]  # and the length before it
    through = np.concatenate([[0], np.cumsum(counts)])
    for j, length in enumerate(offered, start=1):
        costs = [least[i] + (through[j] - through[i]) * length for i in range(j)]
        best = int(np.argmin(costs))
        least.append(costs[best] + (0 if length in free else price))
        before.append(best)
    used, place = [], len(offered)
    while place > 0:
        used.append(offered[place - 1])
        place = before[place]
    return np.asarray(used[::-1])
