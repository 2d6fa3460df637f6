"""Scores of replies, against values worked by hand."""

import math

import pytest

from playmask.metrics.dialogue import dialogue_bleu, dialogue_f1, distinct

MADE = ["我 爱爱看", "好"]  # 4 + 1 characters
WANTED = ["我爱看电影", "好的"]  # 5 + 2 characters


def test_f1_by_hand():
    # In both: 我, 爱 (once), 看; 好: 4 of 5 made and of 7 wanted; 2 * 4 / (5 + 7)
    assert dialogue_f1(MADE, WANTED) == pytest.approx((4 / 5, 4 / 7, 8 / 12))
    assert dialogue_f1([""], ["好"]) == (0, 0, 0)


def test_bleu_by_hand():
    # One character: 4 of 5. Two: 我爱, 爱爱, 爱看 are made, 我爱, 爱看 wanted too: 2 of 3.
    brevity = math.exp(1 - 7 / 5)
    assert dialogue_bleu(MADE, WANTED, 1) == pytest.approx(brevity * 4 / 5)
    assert dialogue_bleu(MADE, WANTED, 2) == pytest.approx(brevity * math.sqrt(4 / 5 * 2 / 3))
    # Longer than wanted: not punished for it. 3 of 4 characters, 2 of 3 pairs.
    assert dialogue_bleu(["我爱你们"], ["我爱你"]) == pytest.approx(math.sqrt(3 / 4 * 2 / 3))
    assert dialogue_bleu(["天"], ["地"]) == dialogue_bleu([""], ["地"]) == 0


def test_bleu_is_sacrebleus():
    sacrebleu = pytest.importorskip("sacrebleu", reason="pip install 'playmask[experiments]'")
    metric = sacrebleu.BLEU(tokenize="char", max_ngram_order=2, smooth_method="none")
    score = metric.corpus_score([text.replace(" ", "") for text in MADE], [WANTED]).score
    assert 100 * dialogue_bleu(MADE, WANTED) == pytest.approx(score)


def test_distinct_by_hand():
    # 我爱爱看好: 4 kinds of 5; 我爱, 爱爱, 爱看: 3 of 3; no run reaches into the next text
    assert distinct(MADE, 1) == pytest.approx(4 / 5) and distinct(MADE, 2) == 1
    assert distinct(["好好好"], 2) == pytest.approx(1 / 2) and distinct(["好"], 2) == 0
