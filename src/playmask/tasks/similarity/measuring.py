"""How similar vectors are, and how well they find what belongs to a text."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from playmask.data.sentences import Sentences, negatives_of
from playmask.metrics.ranking import ranked, ranking
from playmask.metrics.similarity import retrieval
from playmask.tasks.similarity.index import normalized

Vectors = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], Vectors]
COMPARISONS: dict[str, Callable[[Vectors, Vectors], Vectors]] = {
    "cosine": lambda one, other: np.sum(normalized(one) * normalized(other), axis=1),
    "dot": lambda one, other: np.sum(one * other, axis=1),
    "euclidean": lambda one, other: -np.linalg.norm(one - other, axis=1),
    "manhattan": lambda one, other: -np.abs(one - other).sum(axis=1),
}
"""How similar the rows of two arrays of vectors are: higher means more."""


def retrieval_scores(encode: Encode, examples: Sequence[Sentences]) -> dict[str, float]:
    """Scores of finding the pairs of each text, by cosines.

    They are looked for among the second texts and the negatives of all examples; where there are
    negatives, `rerank_…` are those among the text's own pairs and negatives.
    Shapes: encode makes float32 (texts, D)
    """
    relevant: dict[str, dict[str, None]] = {}
    against: dict[str, dict[str, None]] = {}
    for example in examples:
        relevant.setdefault(example.text, {})[str(example.pair)] = None
        against.setdefault(example.text, {}).update(dict.fromkeys(negatives_of(example)))
    answers = dict.fromkeys(
        text for both in (relevant, against) for texts in both.values() for text in texts
    )
    number = {text: i for i, text in enumerate(answers)}
    queries = normalized(encode([*relevant]))
    vectors = normalized(encode([*answers]))
    right = [[number[pair] for pair in pairs] for pairs in relevant.values()]
    scores: dict[str, Any] = retrieval(queries, vectors, right)._asdict()
    rows = []
    for query, (text, pairs) in zip(queries, relevant.items(), strict=True):
        own = [*pairs, *(each for each in against[text] if each not in pairs)]
        if len(own) > len(pairs):
            values = vectors[[number[each] for each in own]] @ query
            rows.append(ranked(values, [float(each in pairs) for each in own]))
    if rows:
        among = ranking(rows)._asdict()
        scores |= {f"rerank_{name}": among[name] for name in ("mrr", "map", "ndcg_10")}
    return scores
