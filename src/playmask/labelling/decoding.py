"""Tag sequences from logits in numpy: what answers are read with, whatever computed the logits.

The layers of `taggers.py` decode the same on the device, inside of a model. Here batches stand on
the last axis, so that a step of all texts is a few operations on long rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

TOGETHER = 1 << 17  # scores of a tag after another that are compared at once
LEAST = np.finfo("float64").tiny  # a weight, so that its logarithm is a number


class Tagged(NamedTuple):
    """The best tags, int32 (B, T), and the probabilities of their spans.

    exp(before[s] + behind[e]), of (B, T) each, is that of the tags of the tokens s … e.
    """

    tags: Any
    before: Any
    behind: Any


class Ragged(NamedTuple):
    """Logits (T, L, B) of texts, the longest first, and their lengths, 1 at least.

    there: how many texts have a token at each place, (T,)
    """

    logits: Array
    lengths: Array
    there: Array

    def at_end(self, values: Array) -> Array:
        """The values (T, …, B) of each text's last token: (…, B)."""
        return np.asarray(
            np.moveaxis(values, -1, 1)[self.lengths - 1, np.arange(values.shape[-1])].T
        )


def decode(
    tagger: str, logits: Sequence[Array], constants: Mapping[str, Array]
) -> Iterator[tuple[int, Tagged]]:
    """Find the best tags of texts, and the probabilities of their spans, with each text's number.

    tagger: a name in DECODERS; constants: the scores that it adds to logits, as its layer has them
    Shapes: logits (T, L) of each text -> Tagged of (T,) each
    """
    order = sorted(range(len(logits)), key=lambda i: -len(logits[i]))
    wide = {name: array.astype("float64") for name, array in constants.items()}
    count = max(1, TOGETHER // logits[0].shape[1] ** 2) if order else 1
    for start in range(0, len(order), count):
        chosen = order[start : start + count]
        tagged = DECODERS[tagger](_ragged([logits[i] for i in chosen]), **wide)
        for column, i in enumerate(chosen):
            yield i, Tagged(*(each[: len(logits[i]), column] for each in tagged))


def _ragged(logits: Sequence[Array]) -> Ragged:
    """Texts side by side, zeros behind their ends."""
    lengths = np.array([len(each) for each in logits])
    padded = np.zeros((len(logits), lengths[0], logits[0].shape[1]))
    for row, each in zip(padded, logits, strict=True):
        row[: len(each)] = each
    there = (np.arange(lengths[0]) < lengths[:, None]).sum(axis=0)
    return Ragged(np.ascontiguousarray(padded.transpose(1, 2, 0)), lengths, there)


def softmax(ragged: Ragged) -> Tagged:
    """The likeliest tag of each token by itself."""
    logits = ragged.logits
    tags = logits.argmax(axis=1)
    return _independent(tags, picked(logits, tags) - log_sum(logits))


def conditional_random_field(
    ragged: Ragged, transitions: Array, ends: Array | None = None
) -> Tagged:
    """The best sequence (Viterbi), and the exact marginal probabilities of its spans.

    transitions: the score of each tag (column) after another (row), (L, L); ends: of the first and
    of the last tag, (2, L)
    """
    logits = ragged.logits.copy()
    first, last = np.zeros((2, len(transitions), 1)) if ends is None else ends[..., None]
    logits[0] += first
    ragged = ragged._replace(logits=logits)
    tags = viterbi(ragged, logits[0], last, transitions, logits)
    ahead = _summed(ragged, tags, transitions)
    behind, total = _summed_back(ragged, tags, transitions, last)
    along = picked(logits, tags)
    along[1:] += transitions[tags[:-1], tags[1:]]
    sums = along.cumsum(axis=0)
    return Tagged(tags, ahead - sums, sums + behind - total)


def markov_model(ragged: Ragged, transitions: Array) -> Tagged:
    """The sequence of least loss; span probabilities are conditional on what is before.

    transitions: what each tag (row) adds to the logits of the next one (column), (L, L). A step's
    log-probability is half onward, half back; what each is divided by depends on one tag alone.
    """
    logits = ragged.logits
    half = transitions / 2
    onward = log_product(half, logits[1:] / 2)  # (T - 1, L, B), by the tag before
    back = log_product(half.T, logits[:-1] / 2)  # by the tag behind
    logs = (logits - log_sum(logits)[:, None]) / 2
    out, into = np.zeros_like(logits), np.zeros_like(logits)
    out[:-1] = logits[:-1] / 4 - onward / 2
    into[1:] = logits[1:] / 4 - back / 2
    last = ragged.at_end(logs)
    tags = viterbi(ragged, logs[0], last, half, into, out)
    chances = picked(logits, tags)
    chances[0] -= log_sum(logits[:1])[0]
    chances[1:] = chances[1:] / 2 + half[tags[:-1], tags[1:]] - picked(onward, tags[:-1])
    return _independent(tags, chances)


def viterbi(
    ragged: Ragged,
    first: Array,
    last: Array,
    transitions: Array,
    into: Array,
    out: Array | None = None,
) -> Array:
    """Viterbi decoding: the best sequence (T, B), 0 behind the end of a text.

    first, last: scores of the tags at both ends, (L, B); transitions: of each tag (column) after
    another (row); into, out: what each tag adds at its place, (T, L, B), and where another follows.
    On the way back each tag looks again for the one before it.
    """
    scores = np.zeros_like(into)
    scores[0] = first
    for t, there in enumerate(ragged.there[1:], start=1):
        if out is not None:
            scores[t - 1, :, :there] += out[t - 1, :, :there]
        onward = scores[t - 1, :, None, :there] + transitions[..., None]
        scores[t, :, :there] = onward.max(axis=0) + into[t, :, :there]
    tags = np.zeros((len(into), len(ragged.lengths)), "int64")
    ends = (ragged.at_end(scores) + last).argmax(axis=0)
    tags[ragged.lengths - 1, np.arange(len(ends))] = ends
    for t in range(len(into) - 1, 0, -1):
        there = ragged.there[t]
        before = scores[t - 1, :, :there] + transitions[:, tags[t, :there]]
        tags[t - 1, :there] = before.argmax(axis=0)
    return tags


def _summed(ragged: Ragged, tags: Array, transitions: Array) -> Array:
    """The log-weight of all beginnings that end in some tags, summed: (T, B)."""
    weights, most = _weights(transitions)
    each, scales = _weights(ragged.logits, axis=1)
    ahead = np.zeros_like(each)
    ahead[0] = each[0]
    for t, there in enumerate(ragged.there[1:], start=1):
        now = (weights.T @ ahead[t - 1, :, :there]) * each[t, :, :there]
        norm = np.maximum(now.max(axis=0), LEAST)
        ahead[t, :, :there] = now / norm
        scales[t, :there] += np.log(norm) + most
    return np.asarray(_log(picked(ahead, tags)) + scales.cumsum(axis=0))


def _summed_back(
    ragged: Ragged, tags: Array, transitions: Array, last: Array
) -> tuple[Array, Array]:
    """The log-weight of all ends that follow some tags, summed: (T, B); and of all sequences, (B,).

    last: scores of the last tag, (L, 1)
    """
    weights, most = _weights(transitions)
    each, scales = _weights(ragged.logits, axis=1)
    behind, sizes = np.zeros_like(each), np.zeros_like(scales)
    begin, size = _weights(last, axis=0)
    columns = np.arange(len(ragged.lengths))
    behind[ragged.lengths - 1, :, columns] = begin[:, 0]
    sizes[ragged.lengths - 1, columns] = size[0]
    for t in range(len(each) - 1, 0, -1):
        there = ragged.there[t]
        now = weights @ (behind[t, :, :there] * each[t, :, :there])
        norm = np.maximum(now.max(axis=0), LEAST)
        behind[t - 1, :, :there] = now / norm
        sizes[t - 1, :there] = sizes[t, :there] + np.log(norm) + most + scales[t, :there]
    total = _log((behind[0] * each[0]).sum(axis=0)) + sizes[0] + scales[0]
    return _log(picked(behind, tags)) + sizes, total


def _weights(scores: Array, axis: int | None = None) -> tuple[Array, Array]:
    """Exponentials of scores, the largest of which is 1, and the logarithm of what it was."""
    most = scores.max(axis=axis, keepdims=axis is not None)
    return np.exp(scores - most), most if axis is None else most.squeeze(axis)


def _log(weights: Array) -> Array:
    return np.asarray(np.log(np.maximum(weights, LEAST)))


def log_product(logs: Array, others: Array) -> Array:
    """Log-space matrix product, ln(exp(logs) · exp(others)): (L, L), (T, L, B) -> (T, L, B)."""
    (one, size), (other, sizes) = _weights(logs), _weights(others, axis=1)
    return _log(one @ other) + size + sizes[:, None]


def log_sum(logits: Array) -> Array:
    """The logarithm of the sum of exponentials over tags: (T, L, B) -> (T, B)."""
    weights, most = _weights(logits, axis=1)
    return np.asarray(np.log(weights.sum(axis=1)) + most)


def _independent(tags: Array, logs: Array) -> Tagged:
    """Tags whose log-probabilities (T, B) add up."""
    sums = logs.cumsum(axis=0)
    return Tagged(tags, logs - sums, sums)


def picked(values: Array, tags: Array) -> Array:
    """The values (T, L, B) of tags (T, B): (T, B)."""
    return np.take_along_axis(values, tags[:, None], axis=1)[:, 0]


DECODERS: Mapping[str, Callable[..., Tagged]] = {
    "crf": conditional_random_field,
    "memm": markov_model,
    "softmax": softmax,
}
"""How tags are found, by the name of the layer in TAGGERS that learns them."""
