"""Scores of classifications: by class, over all classes, and the confusion matrix."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.errors import InputError, nearest
from playmask.metrics.sets import Support, support_of

Counts = npt.NDArray[np.int64]
Numbers = npt.NDArray[Any]


class ClassReport(NamedTuple):
    """Precision, recall and F1 of each class, and what they are over all classes.

    by_class: in the order of the labels; micro_f1: of all decisions together, which is the accuracy
    where each text has one label; macro_f1: the mean over the classes
    """

    by_class: dict[str, Support]
    micro_f1: float
    macro_f1: float


def confusion_matrix(
    predictions: Sequence[str], targets: Sequence[str], labels: Sequence[str]
) -> Counts:
    """Count how often each label was predicted for each: a row for each target label.

    Shapes:  -> int64 (labels, labels), in their order
    Raises:  InputError for a label that is not among `labels`
    """
    indices = {label: index for index, label in enumerate(labels)}
    rows, columns = _indices(indices, targets), _indices(indices, predictions)
    matrix = np.zeros((len(labels), len(labels)), "int64")
    np.add.at(matrix, tuple(np.array([*zip(rows, columns, strict=True)], int).reshape(-1, 2).T), 1)
    return matrix


def class_scores(matrix: npt.ArrayLike, labels: Sequence[str]) -> ClassReport:
    """Scores of single-label classification, from its confusion matrix.

    Shapes:  matrix (labels, labels), a row for each target label
    """
    counts = np.asarray(matrix)
    return _report(labels, np.diagonal(counts), counts.sum(axis=0), counts.sum(axis=1))


def multilabel_scores(
    predictions: Sequence[Collection[str]],
    targets: Sequence[Collection[str]],
    labels: Sequence[str],
) -> ClassReport:
    """Scores of multi-label classification: of each label by itself, and over all."""
    chosen, right = indicators(predictions, labels), indicators(targets, labels)
    both = np.logical_and(chosen, right)
    return _report(labels, both.sum(axis=0), chosen.sum(axis=0), right.sum(axis=0))


def subset_accuracy(
    predictions: Sequence[Collection[str]], targets: Sequence[Collection[str]]
) -> float:
    """Share of texts whose labels are exactly those of the target (exact match ratio)."""
    pairs = zip(predictions, targets, strict=True)
    return sum(set(one) == set(other) for one, other in pairs) / max(len(targets), 1)


def indicators(
    label_sets: Sequence[Collection[str]], labels: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Indicator matrix of label sets: which labels each text has.

    Shapes:  -> bool (texts, labels), in the order of the labels
    Raises:  InputError for a label that is not among `labels`
    """
    indices = {label: index for index, label in enumerate(labels)}
    matrix = np.zeros((len(label_sets), len(labels)), bool)
    for row, names in zip(matrix, label_sets, strict=True):
        row[_indices(indices, names)] = True
    return matrix


def _indices(indices: Mapping[str, int], names: Collection[str]) -> list[int]:
    """Indices of names among the labels."""
    for name in names:
        if name not in indices:
            raise InputError(f"There is no label {name!r} here.{nearest(name, indices)}")
    return [indices[name] for name in names]


def _report(
    labels: Sequence[str], right: Numbers, predicted: Numbers, support: Numbers
) -> ClassReport:
    """Scores of each class and over all, from three counts for each."""
    each = [support_of(*map(int, counts)) for counts in zip(right, predicted, support, strict=True)]
    total = support_of(int(np.sum(right)), int(np.sum(predicted)), int(np.sum(support)))
    macro = sum(one.f1 for one in each) / max(len(each), 1)
    return ClassReport(dict(zip(labels, each, strict=True)), total.f1, macro)
