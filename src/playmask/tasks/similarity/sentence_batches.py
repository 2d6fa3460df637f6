"""Batches of sentences: rows that hold several texts become a row each, with their targets."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from playmask.data.sentences import Sentences, negatives_of
from playmask.runtime.padding import Batch, bucket, buckets
from playmask.tasks.encoded import Encoded
from playmask.tasks.similarity.vector_losses import NEGATIVE, PAIR, TEXT

Arrays = dict[str, npt.NDArray[Any]]
SCORE, NEGATIVES, TEXTS = range(3)  # the columns of the targets of rows of several texts


def texts_of_row(examples: Sequence[Sentences]) -> int:
    """How many texts the example has that has most."""
    return max(2 + len(negatives_of(example)) for example in examples)


def sentence_rows(
    examples: Sequence[Sentences], encode: Callable[[list[str]], list[list[int]]], head: int
) -> Encoded:
    """All texts of each example in a row, a segment each: [CLS] a [SEP] b [SEP] ….

    encode: the framed tokens of texts; head: how many tokens stand before a text
    Shapes: targets float32 (examples, 3): score, number of negatives, texts of the longest row
    """
    several = [(e.text, str(e.pair), *negatives_of(e)) for e in examples]
    tokens = iter(encode([text for texts in several for text in texts]))
    rows = []
    for texts in several:
        parts = [next(tokens) for _ in texts]
        parts[1:] = [part[head:] for part in parts[1:]]
        segments = [number for number, part in enumerate(parts) for _ in part]
        rows.append({"tokens": [token for part in parts for token in part], "segments": segments})
    scores = [float(e.label or 0) for e in examples]
    counts = [len(texts) - 2 for texts in several]
    longest = np.full(len(rows), texts_of_row(examples))
    return Encoded(rows, np.stack([scores, counts, longest], 1).astype("float32"))


def both_ways(inputs: Arrays, head: int = 1) -> Arrays:
    """The rows [CLS] a [SEP] b [SEP] of a batch, and after them all [CLS] b [SEP] a [SEP].

    head: how many tokens stand before a text
    """
    part = np.where(inputs["segments"] == 1, 1, 2)
    part[:, :head], part[~inputs["valid"]] = 0, 3
    places = np.argsort(part, axis=1, kind="stable")
    turned = {name: np.take_along_axis(values, places, 1) for name, values in inputs.items()}
    turned["segments"] = (np.take_along_axis(part, places, 1) == 2).astype("int32")
    return {name: np.concatenate([inputs[name], turned[name]]) for name in inputs}


def written_batch(batch: Batch, head: int, stack: Callable[[Batch], Batch]) -> Batch:
    """Batches of pairs both ways, the second sentence of each to be written after the first.

    head: how many tokens stand before a text; stack: what is written of a batch
    """
    inputs, targets, weights = batch
    inputs = both_ways(inputs, head)
    first = {**inputs, "valid": inputs["valid"] & (inputs["segments"] == 0)}
    table = contrastive_targets(first, weights, 2, targets[:, NEGATIVES])
    both = np.concatenate([weights, weights])
    inputs, tokens, counts = stack((inputs, table, both))
    return inputs, {"vectors": table, "logits": tokens}, {"vectors": both, "logits": counts}


def split(
    inputs: Mapping[str, npt.NDArray[Any]], texts: int, longest: int, head: int = 1
) -> Arrays:
    """The rows [CLS] a [SEP] b [SEP] … of a batch as a row each text: first all a, then all b, ….

    A row that holds fewer texts has nothing but its head for those that it lacks.
    texts: how many a row may hold, each in a segment of its own; longest: tokens of a text;
    head: how many tokens stand before a text
    """
    before = np.arange(inputs["tokens"].shape[1]) < head
    tokens, valid = [], []
    for number in range(texts):
        own = inputs["valid"] & ((inputs["segments"] == number) | before)
        places = np.argsort(~own, axis=1, kind="stable")
        tokens.append(np.take_along_axis(inputs["tokens"], places, 1))
        valid.append(np.take_along_axis(own, places, 1))
    return cut({"tokens": np.concatenate(tokens), "valid": np.concatenate(valid)}, longest)


def cut(inputs: Arrays, longest: int) -> Arrays:
    """Rows without the places that no row needs; the lengths stay among a few."""
    needed = bucket(max(int(inputs["valid"].sum(1).max()), 1), buckets(longest))
    return {name: rows[:, :needed] for name, rows in inputs.items()}


def contrastive_targets(
    inputs: Arrays, weights: npt.NDArray[Any], texts: int, negatives: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """The `TARGETS` of a batch that `split` has made: int (texts · B, 4).

    weights: of the examples, 0 for what only fills the batch; negatives: how many each has
    Shapes: weights, negatives (B,)
    """
    count = len(weights)
    there = np.tile(weights > 0, texts)
    example = np.tile(np.arange(count), texts)
    number = np.repeat(np.arange(texts), count)
    role = np.where(there, np.minimum(number, NEGATIVE), -1)
    role[number - NEGATIVE >= negatives[example]] = -1
    positive = np.select([number == TEXT, number == PAIR], [example + count, example], -1)
    first = np.where(inputs["valid"], inputs["tokens"], -1)
    _, sentence = np.unique(first, axis=0, return_inverse=True)
    positive[role < 0] = -1
    return np.stack([positive, sentence.reshape(-1), role, example], 1).astype("int32")


def twice(inputs: Arrays) -> Arrays:
    """All rows of a batch, and all once more, for the dropout that differs."""
    return {name: np.concatenate([rows, rows]) for name, rows in inputs.items()}


def with_repetitions(
    inputs: Arrays,
    rate: float,
    random: np.random.Generator,
    frame: tuple[int, int],
    longest: int,
) -> Arrays:
    """Rows in which some tokens stand twice in a row, as many as are drawn for each.

    rate: the largest part of a text's tokens that is repeated; frame: how many tokens stand before
    and after a text, which are not; longest: tokens that rows are cut to, the end with them
    Source: Wu et al. 2021 (ESimCSE), eq. 3 and 4
    """
    before, after = frame
    sizes = inputs["valid"].sum(1)
    rows = []
    for row, size in zip(inputs["tokens"], sizes, strict=True):
        length = size - before - after
        count = min(int(random.integers(0, max(2, int(rate * length)) + 1)), max(length, 0))
        counts = np.ones(size, int)
        counts[before + random.choice(max(length, 1), count, replace=False)] = 2
        repeated = np.repeat(row[:size], counts)
        inner, end = np.split(repeated, [len(repeated) - after])
        rows.append(np.concatenate([inner[: longest - after], end]))
    needed = max(inputs["tokens"].shape[1], bucket(max(map(len, rows)), buckets(longest)))
    tokens = np.zeros((len(rows), needed), inputs["tokens"].dtype)
    valid = np.zeros((len(rows), needed), bool)
    for number, row in enumerate(rows):
        tokens[number, : len(row)], valid[number, : len(row)] = row, True
    return {"tokens": tokens, "valid": valid}
