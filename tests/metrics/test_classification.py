"""Scores of classifications against values worked out by hand."""

import numpy as np
import pytest

from playmask.errors import InputError
from playmask.metrics.classification import (
    class_scores,
    confusion_matrix,
    indicators,
    multilabel_scores,
    subset_accuracy,
)
from playmask.metrics.sets import Support, label_scores

LABELS = ["好", "中", "差"]
TARGETS = ["好", "好", "好", "中", "中", "差"]
PREDICTIONS = ["好", "好", "中", "中", "好", "中"]


def test_the_confusion_matrix_has_a_row_for_each_target():
    matrix = confusion_matrix(PREDICTIONS, TARGETS, LABELS)
    np.testing.assert_array_equal(matrix, [[2, 1, 0], [1, 1, 0], [0, 1, 0]])


def test_scores_of_each_class_and_over_all():
    report = class_scores(confusion_matrix(PREDICTIONS, TARGETS, LABELS), LABELS)
    assert list(report.by_class) == LABELS
    assert report.by_class["好"] == pytest.approx(Support(2 / 3, 2 / 3, 2 / 3, 3))
    assert report.by_class["中"] == pytest.approx(Support(1 / 3, 1 / 2, 2 / 5, 2))
    assert report.by_class["差"] == Support(0.0, 0.0, 0.0, 1)  # never predicted
    assert report.micro_f1 == pytest.approx(3 / 6)  # the accuracy
    assert report.macro_f1 == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)


def test_an_unknown_label_is_an_error_and_nothing_is_zero():
    with pytest.raises(InputError, match="no label"):
        confusion_matrix(["坏"], ["好"], LABELS)
    with pytest.raises(ValueError, match="zip"):
        confusion_matrix(["好"], ["好", "中"], LABELS)
    report = class_scores(confusion_matrix([], [], LABELS), LABELS)
    assert (report.micro_f1, report.macro_f1) == (0.0, 0.0)


def test_several_labels_a_text():
    targets = [{"a", "b"}, {"b"}, set(), {"c"}]
    predictions = [{"a"}, {"b", "c"}, set(), {"c"}]
    report = multilabel_scores(predictions, targets, ["a", "b", "c"])
    assert report.by_class["a"] == Support(1.0, 1.0, 1.0, 1)
    assert report.by_class["b"] == pytest.approx(Support(1.0, 1 / 2, 2 / 3, 2))
    assert report.by_class["c"] == pytest.approx(Support(1 / 2, 1.0, 2 / 3, 1))
    assert report.micro_f1 == pytest.approx(2 * 3 / (4 + 4))
    assert report.macro_f1 == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert subset_accuracy(predictions, targets) == pytest.approx(2 / 4)
    assert subset_accuracy([], []) == 0.0
    np.testing.assert_array_equal(
        indicators(targets, ["a", "b", "c"]), [[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]]
    )


def test_scores_of_each_label_of_extractions():
    targets = [{("PER", 0, 2), ("LOC", 4, 6)}, {("PER", 1, 3)}]
    predictions = [{("PER", 0, 2), ("PER", 4, 6)}, {("PER", 1, 2), ("LOC", 1, 2)}]
    scores = label_scores(predictions, targets)
    assert list(scores) == ["LOC", "PER"]
    assert scores["PER"] == pytest.approx(Support(1 / 3, 1 / 2, 2 / 5, 2))
    assert scores["LOC"] == Support(0.0, 0.0, 0.0, 1)
    assert list(label_scores(predictions, targets, ["PER", "ORG"])) == ["PER", "ORG"]
    assert label_scores(predictions, targets, ["ORG"])["ORG"] == Support(0.0, 0.0, 0.0, 0)


def test_an_item_of_one_text_is_none_of_another():
    assert label_scores([{("A", 1)}, set()], [set(), {("A", 1)}])["A"] == Support(0, 0, 0, 1)
