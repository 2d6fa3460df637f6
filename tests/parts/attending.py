"""One attention layer in scenes that try a part, and all around the part in plain numpy, float64.

A formula says the scores that a part gives, (B, N, T, S); `expected` masks, softmaxes, weighs and
projects them, one query at a time.
"""

from collections.abc import Callable
from math import erf
from typing import Any, NamedTuple

import keras
import numpy as np

from comparing import error, numpy_of, tiny
from playmask.model.attention import Attention
from playmask.model.masks import NEVER, Sites
from playmask.model.scene import Attended, Context, Scene

CLOSE, FAR = 2e-6, 1e-2
LENGTH, SITES, WIDTH = 20, 6, 24  # positions that a part knows, sites of a text, numbers at each
SLOTS = [4, 0, 6, 2, 7, 1]  # where a cache of 8 slots keeps the sites

Array = np.ndarray
Weights = dict[str, Array]


class Case(NamedTuple):
    """Hidden states (B, T, D) and what is known of their sites: (B, T), or positions (1, T).

    blind: the queries that may look at nothing
    """

    x: Array
    position: Array
    order: Array
    valid: Array
    blind: Array


def _case(position: Any, order: Any, lengths: list[int], blind: Any = ()) -> Case:
    x = np.random.default_rng(3).normal(size=(2, SITES, WIDTH)).astype("float32")
    dark = np.zeros((2, SITES), bool)
    dark[tuple(np.array(blind, int).reshape(-1, 2).T)] = True
    order = np.broadcast_to(np.array(order, "int32"), (2, SITES))
    valid = np.arange(SITES) < np.array(lengths)[:, None]
    return Case(x, np.array(position, "int32"), order, valid, dark)


RANKS = [2, 0, 3, 1, 5, 4]
CASES = {
    "plain": _case([range(SITES)], 0, [6, 6]),
    "padded": _case([range(SITES)], 0, [6, 4], blind=[(0, 1)]),
    "causal": _case([range(SITES)], range(SITES), [6, 4]),
    "ragged": _case([[0, 1, 2, 3, 4, 5], [3, 1, 9, 0, 2, 11]], RANKS, [6, 5], blind=[(1, 2)]),
}
"""The last has positions of its own in each row, and the order of a permutation."""


def attention_of(**changes: Any) -> Attention:
    """The attention of a model of one block, with random weights."""
    return tiny(depth=1, **{"position": "none", **changes}).blocks.stored[0].attention


def weights_of(layer: Any, name: str = "attention") -> Weights:
    """All weights of a layer by their path inside it."""
    return {
        v.path.split(f"/{name}/", 1)[1]: numpy_of(v.value).astype("float64") for v in layer.weights
    }


def allowed_in(case: Case) -> Array:
    """Who may look at whom: bool (B, T, T)."""
    rows, count = case.order.shape
    return np.array(
        [
            [
                [
                    case.valid[b, j] and case.order[b, j] <= case.order[b, i]
                    and not case.blind[b, i]
                    for j in range(count)
                ]
                for i in range(count)
            ]
            for b in range(rows)
        ]
    )  # fmt: skip


def positions_in(case: Case) -> Array:
    """Where each site stands: (B, T)."""
    return np.broadcast_to(case.position, case.order.shape)


# The layer


def tensors_of(sites: Sites) -> Sites:
    """Sites as the backend's tensors; what no part looks at stays None."""
    return Sites(*(each if each is None else keras.ops.convert_to_tensor(each) for each in sites))


def run(
    attention: Attention, case: Case, context: Context | None = None, *, watched: bool = False
) -> Attended:
    """Run a layer on a case."""
    queries = Sites(case.order, case.position, np.zeros_like(case.order))
    keys = queries._replace(order=np.where(case.valid, case.order, NEVER).astype("int32"))
    sites = (tensors_of(each) for each in (queries, keys))
    allowed = keras.ops.convert_to_tensor(allowed_in(case))
    return attention(case.x, Scene(allowed, *sites, context=context), watched=watched)


def stepped(attention: Attention, case: Case) -> Array:
    """The same outputs one query at a time, in ascending order, through a cache of mixed slots."""
    rows, slots = len(case.x), 8
    kept = {
        name: keras.ops.zeros((rows, heads, slots, size))
        for name, (heads, size) in attention.cache_sizes().items()
    }
    order, position = np.full((rows, slots), NEVER, "int32"), np.zeros((rows, slots), "int32")
    allowed, slot_of = allowed_in(case), np.array(SLOTS)
    found = np.zeros((rows, SITES, WIDTH))
    for t in np.argsort(case.order[0]):
        order[:, SLOTS[t]] = np.where(case.valid[:, t], case.order[:, t], NEVER)
        position[:, SLOTS[t]] = positions_in(case)[:, t]
        seen = np.zeros((rows, 1, slots), bool)
        seen[:, 0, slot_of] = allowed[:, t]
        now = (x[:, t : t + 1] for x in (case.order, positions_in(case), 0 * case.order))
        scene = Scene(
            keras.ops.convert_to_tensor(seen),
            tensors_of(now),
            Sites(*(keras.ops.convert_to_tensor(x.copy()) for x in (order, position, 0 * order))),
            at=keras.ops.convert_to_tensor(SLOTS[t], "int32"),
        )
        out = attention(case.x[:, t : t + 1], scene, kv=kept)
        kept, found[:, t] = out.kv, numpy_of(out.output)[:, 0]
    return found


def check(found: Any, wanted: dict[str, Array], *, misses: bool = True) -> None:
    """The first of what is wanted is right; the others are near misses, which must show."""
    (_, right), *others = wanted.items()
    assert error(found, right) < CLOSE
    for name, wrong in others if misses else []:
        assert error(found, wrong) > FAR, name


# Around a part, in numpy


def rows_at(table: Array, case: Case) -> Array:
    """Read a table (N, L, …) at the sites' positions: (B, N, T, …)."""
    return np.stack([table[:, at] for at in positions_in(case)])


def columns_at(scores: Array, case: Case) -> Array:
    """Read scores of all positions (B, N, T, L) at the keys': (B, N, T, S)."""
    return np.stack([row[..., at] for row, at in zip(scores, positions_in(case), strict=True)])


def dense(x: Array, w: Weights, name: str) -> Array:
    """A dense layer, with its bias where it has one."""
    return x @ w[f"{name}/kernel"] + w.get(f"{name}/bias", 0.0)


def heads_of(x: Array, count: int) -> Array:
    """(B, T, N·H) -> (B, N, T, H)."""
    return x.reshape(*x.shape[:2], count, -1).transpose(0, 2, 1, 3)


def projected(case: Case, w: Weights, name: str, heads: int = 4) -> Array:
    """Queries, keys or values: (B, N, T, H)."""
    return heads_of(dense(case.x.astype("float64"), w, name), heads)


def dot(case: Case, w: Weights, heads: int = 4, scaled: bool = True) -> Array:
    """The dot products of queries and keys over √H."""
    q, k = projected(case, w, "query", heads), projected(case, w, "key", heads)
    scores = np.einsum("bnth,bnsh->bnts", q, k)
    return scores / np.sqrt(q.shape[-1]) if scaled else scores


def softmax(x: Array) -> Array:
    """Exponentials of the last axis that sum to 1."""
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def masked_softmax(scores: Array, allowed: Array) -> Array:
    """Each query's softmax over the keys that it sees, and zeros: (B, N, T, S)."""
    weights = np.zeros(scores.shape)
    for b, n, i in np.ndindex(scores.shape[:3]):
        if allowed[b, i].any():
            weights[b, n, i, allowed[b, i]] = softmax(scores[b, n, i, allowed[b, i]])
    return weights


def softmax_then_mask(scores: Array, allowed: Array) -> Array:
    """A near miss: hidden keys take part in the softmax."""
    return softmax(scores) * allowed[:, None]


def joined(weights: Array, v: Array, w: Weights) -> Array:
    """The values by their weights, all heads together, through the output layer: (B, T, D)."""
    y = np.einsum("bnts,bnsv->btnv", weights, v)
    return dense(y.reshape(*y.shape[:2], -1), w, "output")


def expected(
    case: Case, w: Weights, scores: Array, *, weigh: Callable = masked_softmax, heads: int = 4
) -> Array:
    """What an attention with these scores returns: (B, T, D)."""
    return joined(weigh(scores, allowed_in(case)), projected(case, w, "value", heads), w)


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def gelu(x: Array) -> Array:
    """With the error function, not its approximation by a tanh."""
    return x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))
