"""Which tokens are masked: rates, 80/10/10, whole words, n-grams, never special ones."""

import numpy as np
import pytest

from playmask.pretraining.documents import DocumentPart
from playmask.pretraining.masking import maskable, units_of
from playmask.pretraining.tokenization import (
    NAME,
    PARAGRAPH,
    WORD,
    CorpusTokenizer,
    word_starts,
)
from pretraining.pretrainings import PHRASES, WORDS, batches_of, pretraining

TEXTS = ["".join(PHRASES) * 3 + "[MASK]" + PHRASES[0]] * 300


def within(count: int, total: int, share: float) -> bool:
    """Whether a count is within three standard deviations of its share."""
    return abs(count - share * total) < 3 * np.sqrt(share * (1 - share) * total)


@pytest.mark.parametrize(("rate", "ngrams"), [(0.15, 1), (0.3, 3)])
def test_rates(rate, ngrams):
    task = pretraining("mlm", rate=rate, ngrams=ngrams)
    batches = batches_of(task, TEXTS, 400)
    rows = batches.assemble(0, batches.rows(0, 0))
    inputs, targets, weights = batches[0]
    there = weights > 0
    asked, free = int(there.sum()), int(maskable(rows)[rows.weights > 0].sum())
    assert within(asked, free, rate)
    shown = np.take_along_axis(inputs["tokens"], inputs["read"], 1)[there]
    own = targets[there]
    assert within((shown == WORDS.mask).sum(), asked, 0.8)
    others = len(WORDS) - len(WORDS.special)
    assert within((shown == own).sum(), asked, 0.1 + 0.1 / others)
    assert within(((shown != own) & (shown != WORDS.mask)).sum(), asked, 0.1 * (1 - 1 / others))
    special = {*WORDS.special.values()}
    assert not special & {*own.tolist()} and not (special - {WORDS.mask}) & {*shown.tolist()}
    untouched = np.ones(inputs["tokens"].shape, bool)
    np.put_along_axis(untouched, inputs["read"], ~there, 1)
    assert (inputs["tokens"] == rows.tokens)[untouched].all()
    named = (rows.flags & NAME) > 0
    taken = np.zeros_like(untouched)
    np.put_along_axis(taken, inputs["read"], there, 1)
    assert named.any() and not (taken & named).any()


def test_whole_words_and_ngrams_are_masked_whole():
    pytest.importorskip("jieba")
    task = pretraining("mlm", words="jieba")
    batches = batches_of(task, TEXTS, 64)
    rows = batches.assemble(0, batches.rows(0, 0))
    for longest in (1, 3):
        random = np.random.default_rng(longest)
        task.settings = task.objective.settings = task.settings.change(ngrams=longest)
        units = units_of(rows, longest, np.random.default_rng(longest))
        taken = task.objective.choose(rows, random)  # draws the same units first
        free, sizes = maskable(rows), []
        for row in range(len(units)):
            for unit in np.unique(units[row]):
                own = taken[row][(units[row] == unit) & free[row]]
                assert own.all() or not own.any()
                words = ((rows.flags[row] & WORD) > 0)[(units[row] == unit) & free[row]].sum()
                sizes.append(words)
        assert max(sizes) == longest and (rows.texts.max() > 0)


def test_flags_of_words_paragraphs_and_names():
    part = DocumentPart(("今天 abc", "[CLS]天"))
    tokens, flags, sizes, _ = CorpusTokenizer(WORDS)([part])
    names = WORDS.tokens(tokens)
    assert sizes.tolist() == [len(tokens)] and flags[0] == WORD | PARAGRAPH
    second = names.index("[UNK]") if "[" not in names else names.index("[")
    assert (flags & PARAGRAPH > 0).sum() == 2 and (flags & NAME > 0).any()
    assert not flags[-1] & NAME and second
    assert word_starts("今天ab3, c_d") == [0, 1, 2, 5, 7, 8, 9]


def test_jieba_says_where_words_begin():
    pytest.importorskip("jieba")
    flags = CorpusTokenizer(WORDS, "jieba")([DocumentPart(("明天去看电影",))])[1]
    assert (flags & WORD > 0).tolist() == [True, False, True, True, True, False]
