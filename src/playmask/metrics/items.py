"""Which label was taken for which, of items that texts have."""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Sequence
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

NONE = "–"
"""What stands for no item: in its column what was missed, in its row what is none."""

Items = Sequence[Collection[tuple[Hashable, ...]]]


def label_confusions(
    predictions: Items, targets: Items, labels: Sequence[str]
) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Count which label was given to the items of each label: a row for each target label.

    Items are (label, key …): a span's ends, say. Items of one text with the same key are compared;
    of several, equal labels are taken for each other first, the rest in the order of their names.

    labels: the order; others that occur stand behind them
    Shapes: -> int64 (labels + 1, labels + 1), and the names of the rows, "–" the last
    """
    every = {str(item[0]) for texts in (predictions, targets) for items in texts for item in items}
    names = [*labels, *sorted(every - {*labels}), NONE]
    index = {name: i for i, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), "int64")
    for one, other in zip(predictions, targets, strict=True):
        predicted, right = _by_key(one), _by_key(other)
        for key in predicted.keys() | right.keys():
            equal = predicted[key] & right[key]
            for label, count in equal.items():
                matrix[index[label], index[label]] += count
            rest = (sorted((each - equal).elements()) for each in (right[key], predicted[key]))
            for target, prediction in zip_longest(*rest, fillvalue=NONE):
                matrix[index[target], index[prediction]] += 1
    return matrix, names


def _by_key(items: Collection[tuple[Hashable, ...]]) -> defaultdict[Hashable, Counter[str]]:
    """The labels of each key, each item once."""
    labels: defaultdict[Hashable, Counter[str]] = defaultdict(Counter)
    for label, *key in {*items}:
        labels[tuple(key)][str(label)] += 1
    return labels
