"""The axis of heads: split off, joined again, and in groups where keys have fewer than queries."""

from keras import ops

from playmask.model.masks import Tensor


def split_heads(x: Tensor, heads: int, size: int) -> Tensor:
    """(B, T, N·H) -> (B, N, T, H)."""
    x = ops.reshape(x, (*ops.shape(x)[:2], heads, size))
    return ops.transpose(x, (0, 2, 1, 3))


def join_heads(y: Tensor, width: int) -> Tensor:
    """(B, N, T, V) -> (B, T, N·V), where N·V is the width."""
    y = ops.transpose(y, (0, 2, 1, 3))
    return ops.reshape(y, (-1, ops.shape(y)[1], width))


def to_groups(x: Tensor, groups: int) -> Tensor:
    """Put the heads that share a key head one after another: (B, N, T, K) -> (B, G, N/G·T, K)."""
    if x.shape[1] == groups:
        return x
    return ops.reshape(x, (ops.shape(x)[0], groups, -1, ops.shape(x)[3]))


def from_groups(y: Tensor, heads: int) -> Tensor:
    """Give each head its own axis again: (B, G, N/G·T, J) -> (B, N, T, J)."""
    if y.shape[1] == heads:
        return y
    batch, groups, rows, columns = ops.shape(y)
    return ops.reshape(y, (batch, heads, rows // (heads // groups), columns))


def weighted_sum(weights: Tensor, values: Tensor, heads: int) -> Tensor:
    """Sum values by their weights; each of N heads reads the values of its group.

    Shapes: weights (B, N or 1, T, S); values (B, G, S, V) -> (B, N, T, V)
    Source: Ainslie et al. 2023 (grouped-query attention)
    """
    groups = values.shape[1]
    if groups == heads:
        return ops.matmul(weights, values)
    shape = ops.shape(weights)
    weights = ops.broadcast_to(weights, (shape[0], heads, *shape[2:]))
    return from_groups(ops.matmul(to_groups(weights, groups), values), heads)
