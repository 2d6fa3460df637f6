"""Linear chains of tags: Viterbi decoding, the forward-backward algorithm, the partition function.

A chain over T tokens and L tags scores a sequence y by first[y_0] + Σ step_t[y_(t-1), y_t] +
last[y_(T-1)], where padding adds nothing. Steps are made one at a time, so that (B, T, L, L) never
stands in memory.
"""

from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from keras import ops

from playmask.model.masks import Tensor

LEAST = 1e-37  # a weight, so that its logarithm is a number


class Chain(NamedTuple):
    """The scores of all sequences of tags.

    first, last: (B, L); per_token: arrays (B, T, …), of which each step gets its token's; step:
    what makes of these (…) the scores (B, L, L) of a tag after another; valid: (B, T) bool,
    padding only at the end
    """

    first: Tensor
    last: Tensor
    per_token: tuple[Tensor, ...]
    step: Callable[..., Tensor]
    valid: Tensor


class Steady(NamedTuple):
    """A chain whose transitions are the same at all tokens: (L, L), logits (B, T, L) added to them.

    What all sequences weigh is then a product of matrices for each token, where (B, L, L)
    logarithms would take most of the time.
    """

    first: Tensor
    last: Tensor
    logits: Tensor
    transitions: Tensor
    valid: Tensor

    @property
    def chain(self) -> Chain:
        """The same as a chain of any kind."""
        step = lambda now: self.transitions + ops.expand_dims(now, 1)  # noqa: E731
        return Chain(self.first, self.last, (self.logits,), step, self.valid)


def forward(steady: Steady) -> Tensor:
    """Forward log-weights: of all beginnings that end in a tag at a token, summed: (B, T, L)."""
    weights, shift = _weights(steady.transitions)
    steps, unpack = _from_second(steady.valid, steady.logits)

    def advance(before: Tensor, now: Any) -> tuple[Tensor, Tensor]:
        valid, logits = unpack(now)
        after = log_product(before, weights) + shift + logits
        after = ops.where(valid[:, None], after, before)
        return after, after

    _, rest = ops.scan(advance, steady.first, steps)
    return ops.concatenate([steady.first[:, None], ops.swapaxes(rest, 0, 1)], axis=1)


def backward(steady: Steady) -> Tensor:
    """Backward log-weights: of all ends that follow a tag at a token, summed: (B, T, L)."""
    weights, shift = _weights(ops.transpose(steady.transitions))
    steps, unpack = _from_second(steady.valid, steady.logits)

    def advance(after: Tensor, now: Any) -> tuple[Tensor, Tensor]:
        valid, logits = unpack(now)
        before = log_product(after + logits, weights) + shift
        before = ops.where(valid[:, None], before, after)
        return before, before

    _, rest = ops.scan(advance, steady.last, steps, reverse=True)
    return ops.concatenate([ops.swapaxes(rest, 0, 1), steady.last[:, None]], axis=1)


def _weights(transitions: Tensor) -> tuple[Tensor, Tensor]:
    """Weights exp(transitions), (from, to), scaled to 1 at most; the scales' logarithms (L,)."""
    shift = ops.stop_gradient(ops.max(transitions, axis=0))
    return ops.exp(transitions - shift), shift


def log_product(logs: Tensor, weights: Tensor) -> Tensor:
    """Log-space matrix product, ln(exp(logs) · weights): (B, L), (L, L) -> (B, L).

    It is exact as long as no column of the transitions spans more than 80 nats.
    """
    most = ops.stop_gradient(ops.max(logs, axis=-1, keepdims=True))
    return ops.log(ops.maximum(ops.matmul(ops.exp(logs - most), weights), LEAST)) + most


def log_total(steady: Steady) -> Tensor:
    """The log-partition function, the log of the summed weight of all sequences: (B,)."""
    return ops.logsumexp(forward(steady)[:, -1] + steady.last, axis=-1)


def best(chain: Chain) -> Tensor:
    """Viterbi decoding: the best sequence, int32 (B, T); padding repeats the last tag.

    On the way back each tag looks again for the one before it, (B, L) instead of (B, L, L).
    """
    steps, unpack = _from_second(chain.valid, *chain.per_token)
    tags = chain.first.shape[-1]

    def advance(before: Tensor, now: Any) -> tuple[Tensor, Tensor]:
        valid, *per_token = unpack(now)
        after = ops.max(ops.expand_dims(before, 2) + chain.step(*per_token), axis=1)
        after = ops.where(valid[:, None], after, before)
        return after, before

    def follow(tag: Tensor, now: Any) -> tuple[Tensor, Tensor]:
        before, (valid, *per_token) = now[:, :tags], unpack(now[:, tags:])
        into = ops.take_along_axis(chain.step(*per_token), tag[:, None, None], axis=2)[..., 0]
        previous = ops.cast(ops.argmax(before + into, axis=-1), tag.dtype)
        previous = ops.where(valid, previous, tag)
        return previous, previous

    ends, scores = ops.scan(advance, chain.first, steps)
    end = ops.cast(ops.argmax(ends + chain.last, axis=-1), "int32")
    _, sequence = ops.scan(follow, end, ops.concatenate([scores, steps], axis=-1), reverse=True)
    return ops.concatenate([ops.swapaxes(sequence, 0, 1), end[:, None]], axis=1)


def _from_second(valid: Tensor, *arrays: Tensor) -> tuple[Tensor, Callable[[Tensor], Any]]:
    """What each step after the first token needs, and what takes a step's part to pieces.

    It is one array, since Keras' scan on TensorFlow takes no more of an unknown length.
    Shapes: valid (B, T); arrays (B, T, L) -> (T - 1, B, …); (B, …) -> (B,) bool, (B, L) …
    """
    flags = ops.cast(ops.expand_dims(valid, -1), arrays[0].dtype)
    steps = ops.swapaxes(ops.concatenate([flags, *arrays], axis=-1), 0, 1)[1:]
    places = [*accumulate((array.shape[-1] for array in arrays), initial=1)]

    def unpack(now: Tensor) -> tuple[Tensor, ...]:
        parts = (now[:, start:end] for start, end in pairwise(places))
        return now[:, 0] > 0, *parts

    return steps, unpack
