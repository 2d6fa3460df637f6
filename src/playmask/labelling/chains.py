"""Chains of tags: which sequence is best, and what all sequences weigh together.

A chain over T tokens and L tags scores a sequence y by first[y_0] + Σ step_t[y_(t-1), y_t] +
last[y_(T-1)], where padding adds nothing. Steps are made one at a time, so that (B, T, L, L) never
stands in memory.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from playmask.masks import Tensor


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


def forward(chain: Chain) -> Tensor:
    """The log of the summed weight of all beginnings that end in a tag at a token: (B, T, L)."""

    def advance(before: Tensor, now: Any) -> tuple[Tensor, Tensor]:
        valid, *per_token = now
        after = ops.logsumexp(ops.expand_dims(before, 2) + chain.step(*per_token), axis=1)
        after = ops.where(valid[:, None], after, before)
        return after, after

    _, rest = ops.scan(advance, chain.first, _from_second(chain))
    return ops.concatenate([chain.first[:, None], ops.swapaxes(rest, 0, 1)], axis=1)


def backward(chain: Chain) -> Tensor:
    """The same of all ends that follow a tag at a token: (B, T, L)."""

    def advance(after: Tensor, now: Any) -> tuple[Tensor, Tensor]:
        valid, *per_token = now
        before = ops.logsumexp(ops.expand_dims(after, 1) + chain.step(*per_token), axis=2)
        before = ops.where(valid[:, None], before, after)
        return before, before

    _, rest = ops.scan(advance, chain.last, _from_second(chain), reverse=True)
    return ops.concatenate([ops.swapaxes(rest, 0, 1), chain.last[:, None]], axis=1)


def log_total(chain: Chain) -> Tensor:
    """The log of the summed weight of all sequences: (B,)."""
    return ops.logsumexp(forward(chain)[:, -1] + chain.last, axis=-1)


def best(chain: Chain) -> Tensor:
    """The best sequence, by Viterbi's algorithm: int32 (B, T); padding repeats the last tag."""

    def advance(before: Tensor, now: Any) -> tuple[Tensor, Tensor]:
        valid, *per_token = now
        scores = ops.expand_dims(before, 2) + chain.step(*per_token)
        same = ops.broadcast_to(ops.arange(scores.shape[-1]), ops.shape(before))
        came = ops.where(valid[:, None], ops.argmax(scores, axis=1), same)
        after = ops.where(valid[:, None], ops.max(scores, axis=1), before)
        return after, ops.cast(came, before.dtype)  # TensorFlow stacks only what carry is made of

    def follow(tag: Tensor, came: Tensor) -> tuple[Tensor, Tensor]:
        before = ops.take_along_axis(came, tag[:, None], axis=1)[:, 0]
        return before, before

    ends, came = ops.scan(advance, chain.first, _from_second(chain))
    end = ops.cast(ops.argmax(ends + chain.last, axis=-1), "int32")
    _, tags = ops.scan(follow, end, ops.cast(came, "int32"), reverse=True)
    return ops.concatenate([ops.swapaxes(tags, 0, 1), end[:, None]], axis=1)


def _from_second(chain: Chain) -> tuple[Tensor, ...]:
    """What each step after the first token needs, tokens first: (T - 1, B, …)."""
    return tuple(ops.swapaxes(x, 0, 1)[1:] for x in (chain.valid, *chain.per_token))
