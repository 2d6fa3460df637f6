"""Which tokens of packed rows are masked: whole words, alone or as n-grams, up to a share."""

import numpy as np

from playmask.pretraining.packing import PackedRows
from playmask.pretraining.tokenization import NAME, SPECIAL, WORD, Array

SLACK = 8  # tokens by which a row's last word may go beyond the share


def maskable(rows: PackedRows) -> Array:
    """Which tokens may be masked: none that is special, nor spells a part of its name."""
    result: Array = (rows.flags & (SPECIAL | NAME)) == 0
    return result


def places_of(rate: float, length: int) -> int:
    """How many tokens of a row are masked at most."""
    return min(int(np.ceil(rate * length)) + SLACK, length)


def units_of(rows: PackedRows, longest: int, random: np.random.Generator) -> Array:
    """Number the words of each row, or n-grams of them: what is masked together.

    longest: words of an n-gram at most, whose length n has the probability (1/n) / Σ(1/k)
    Shapes:  -> int (B, T), rising from 0 within a row
    Source:  Lan et al. 2019 (ALBERT), §4.3 eq. 1, for n-grams
    """
    free = maskable(rows)
    begins = ((rows.flags & WORD) > 0) | ~free
    begins[:, 1:] |= (rows.texts[:, 1:] != rows.texts[:, :-1]) | ~free[:, :-1]
    words: Array = np.cumsum(begins, axis=1) - begins[:, :1]
    if longest == 1:
        return words
    chances = 1 / np.arange(1, longest + 1)
    sizes = random.choice(np.arange(1, longest + 1), words.shape, p=chances / chances.sum())
    ends = np.cumsum(sizes, axis=1)  # of the n-grams, in words
    pairs = zip(ends, words, strict=True)
    grams = np.array([np.searchsorted(end, row, "right") for end, row in pairs])
    # An n-gram stays within its text, and what cannot be masked parts it.
    parted = (rows.texts[:, 1:] != rows.texts[:, :-1]) | ~free[:, 1:] | ~free[:, :-1]
    new = (grams[:, 1:] != grams[:, :-1]) | parted
    return np.concatenate([np.zeros_like(grams[:, :1]), np.cumsum(new, axis=1)], axis=1)


def chosen_tokens(
    free: Array, units: Array, rate: float, most: int, random: np.random.Generator
) -> Array:
    """Which tokens are masked: units at random, until they make up a share of what is free.

    The unit that goes beyond the share is taken as often as makes the share right on average.
    most: tokens of a row at most; a unit beyond that is not taken
    Shapes: free bool (B, T), units int (B, T) -> bool (B, T)
    """
    count, length = free.shape
    keys = np.take_along_axis(random.random((count, length + 1)), units, axis=1)
    order = np.argsort(np.where(free, keys, 2.0), axis=1, kind="stable")
    ranks = np.argsort(order, axis=1)  # in the order in which units are taken
    numbers = (np.arange(count)[:, None] * (length + 1) + units)[free]
    first = np.full(count * (length + 1), length)
    size = np.zeros(count * (length + 1), int)
    np.minimum.at(first, numbers, ranks[free])
    np.add.at(size, numbers, 1)
    budget = np.repeat(rate * free.sum(axis=1), length + 1)
    draws = np.repeat(random.random(count), length + 1)
    taken = draws * size < budget - first  # the whole where it fits, else by chance
    taken &= (size > 0) & (first + size <= most)
    result: Array = taken[np.arange(count)[:, None] * (length + 1) + units] & free
    return result
