"""Tag sequences from logits in numpy: what answers are read with, whatever computed the logits.

The layers of `taggers.py` decode the same on the device, inside of a model.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

TOGETHER = 1 << 20  # scores of a tag after another that are compared at once
LEAST = 1e-37  # a weight, so that its logarithm is a number


class Tagged(NamedTuple):
    """The best tags, int32 (B, T), and the probabilities of their spans.

    exp(before[s] + behind[e]), of (B, T) each, is that of the tags of the tokens s … e.
    """

    tags: Any
    before: Any
    behind: Any


class Ragged(NamedTuple):
    """Logits (B, T, L) of texts, the longest first, and their lengths, 1 at least.

    there: how many texts have a token at each place, (T,)
    """

    logits: Array
    lengths: Array
    there: Array

    def at_end(self, values: Array) -> Array:
        """The values (B, T, …) of each text's last token: (B, …)."""
        return np.asarray(values[np.arange(len(self.lengths)), self.lengths - 1])


def decode(
    tagger: str, logits: Sequence[Array], constants: Mapping[str, Array]
) -> Iterator[tuple[int, Tagged]]:
    """Find the best tags of texts, and the probabilities of their spans, with each text's number.

    tagger: a name in DECODERS; constants: the scores that it adds to logits, as its layer has them
    Shapes: logits (T, L) of each text -> Tagged of (T,) each
    """
    order = sorted(range(len(logits)), key=lambda i: -len(logits[i]))
    while order:
        longest, tags = logits[order[0]].shape
        count = max(1, TOGETHER // (longest * tags * tags))
        chosen, order = order[:count], order[count:]
        tagged = DECODERS[tagger](_ragged([logits[i] for i in chosen]), **constants)
        for row, i in enumerate(chosen):
            yield i, Tagged(*(each[row, : len(logits[i])] for each in tagged))


def _ragged(logits: Sequence[Array]) -> Ragged:
    """Texts side by side, zeros behind their ends."""
    lengths = np.array([len(each) for each in logits])
    padded = np.zeros((len(logits), lengths[0], logits[0].shape[1]))
    for row, each in zip(padded, logits, strict=True):
        row[: len(each)] = each
    return Ragged(padded, lengths, (np.arange(lengths[0]) < lengths[:, None]).sum(axis=0))


def softmax(ragged: Ragged) -> Tagged:
    """The likeliest tag of each token by itself."""
    logs = log_softmax(ragged.logits)
    tags = logs.argmax(axis=-1)
    return _independent(tags, picked(logs, tags))


def conditional_random_field(
    ragged: Ragged, transitions: Array, ends: Array | None = None
) -> Tagged:
    """The best sequence (Viterbi), and the exact marginal probabilities of its spans.

    transitions: the score of each tag (column) after another (row), (L, L); ends: of the first and
    of the last tag, (2, L)
    """
    logits = ragged.logits
    transitions = transitions.astype("float64")
    first, last = (0.0, 0.0) if ends is None else ends.astype("float64")
    begin = logits[:, 0] + first
    into = np.ascontiguousarray(transitions.T)
    tags = viterbi(
        ragged,
        begin,
        last,
        lambda score, t: score[:, None] + into + logits[: len(score), t, :, None],
    )
    ahead, behind = _forward(ragged, begin, transitions), _backward(ragged, last, transitions)
    total = np.logaddexp.reduce(ragged.at_end(ahead) + last, axis=-1)
    along = picked(logits, tags)
    along[:, 0] = picked(begin, tags[:, 0])
    along[:, 1:] += transitions[tags[:, :-1], tags[:, 1:]]
    sums = along.cumsum(axis=1)
    return Tagged(tags, picked(ahead, tags) - sums, sums + picked(behind, tags) - total[:, None])


def markov_model(ragged: Ragged, transitions: Array) -> Tagged:
    """The sequence of least loss; span probabilities are conditional on what is before.

    transitions: what each tag (row) adds to the logits of the next one (column), (L, L)
    """
    logits = ragged.logits
    transitions = transitions.astype("float64")
    logs = log_softmax(logits) / 2

    def step(score: Array, t: int) -> Array:
        before, now = (logits[: len(score), i] for i in (t - 1, t))
        onward = log_softmax((now[:, None] + transitions) / 2)  # (B, from, to)
        back = log_softmax((before[:, None] + transitions.T) / 2)  # (B, to, from)
        return np.asarray(score[:, None] + (onward.swapaxes(1, 2) + back) / 2)

    tags = viterbi(ragged, logs[:, 0], ragged.at_end(logs), step)
    conditional = logits.copy()
    conditional[:, 1:] = (logits[:, 1:] + transitions[tags[:, :-1]]) / 2
    return _independent(tags, picked(log_softmax(conditional), tags))


def viterbi(
    ragged: Ragged, first: Array, last: Array | float, step: Callable[[Array, int], Array]
) -> Array:
    """Viterbi decoding: the best sequence (B, T), 0 behind the end of a text.

    first, last: scores of the tags at both ends, (B, L); step: from the scores (B, L) of the best
    sequences up to a place, and the next place, to those that go on: (B, to, from)
    """
    score = first.copy()
    count, length, _ = ragged.logits.shape
    before = np.zeros((length, *score.shape), "intp")
    for t in range(1, length):
        there = ragged.there[t]
        onward = step(score[:there], t)
        before[t, :there] = onward.argmax(axis=-1)
        score[:there] = onward.max(axis=-1)
    tags = np.zeros((count, length), "intp")
    tags[np.arange(count), ragged.lengths - 1] = (score + last).argmax(axis=-1)
    for t in range(length - 1, 0, -1):
        there = ragged.there[t]
        tags[:there, t - 1] = before[t, np.arange(there), tags[:there, t]]
    return tags


def _forward(ragged: Ragged, first: Array, transitions: Array) -> Array:
    """Forward log-weights: of all beginnings that end in a tag at a token, summed: (B, T, L)."""
    weights, shift = _weights(transitions)
    ahead = np.zeros_like(ragged.logits)
    ahead[:, 0] = first
    for t, there in enumerate(ragged.there[1:], start=1):
        sums = _log_product(ahead[:there, t - 1], weights)
        ahead[:there, t] = sums + shift + ragged.logits[:there, t]
    return ahead


def _backward(ragged: Ragged, last: Array | float, transitions: Array) -> Array:
    """Backward log-weights: of all ends that follow a tag at a token, summed: (B, T, L)."""
    weights, shift = _weights(transitions.T)
    behind = np.zeros_like(ragged.logits)
    behind[np.arange(len(behind)), ragged.lengths - 1] = last
    for t in range(len(ragged.there) - 1, 0, -1):
        there = ragged.there[t]
        after = behind[:there, t] + ragged.logits[:there, t]
        behind[:there, t - 1] = _log_product(after, weights) + shift
    return behind


def _weights(transitions: Array) -> tuple[Array, Array]:
    """Weights exp(transitions), (from, to), scaled to 1 at most; the scales' logarithms (L,)."""
    shift = transitions.max(axis=0)
    return np.exp(transitions - shift), shift


def _log_product(logs: Array, weights: Array) -> Array:
    """Log-space matrix product, ln(exp(logs) · weights): (B, L), (L, L) -> (B, L)."""
    most = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.maximum(np.exp(logs - most) @ weights, LEAST)) + most)


def _independent(tags: Array, logs: Array) -> Tagged:
    """Tags whose log-probabilities (B, T) add up."""
    sums = logs.cumsum(axis=1)
    return Tagged(tags, logs - sums, sums)


def log_softmax(logits: Array) -> Array:
    """Logarithms of the softmax over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def picked(values: Array, tags: Array) -> Array:
    """The values (…, L) of tags (…): (…)."""
    return np.take_along_axis(values, tags[..., None], axis=-1)[..., 0]


DECODERS: Mapping[str, Callable[..., Tagged]] = {
    "crf": conditional_random_field,
    "memm": markov_model,
    "softmax": softmax,
}
"""How tags are found, by the name of the layer in TAGGERS that learns them."""
