"""The key–value cache: a plain value of static length that travels through the forward pass.

    {"kv": ({"keys", "values"}, ...), "order": (B, S), "position": (B, S), "text": (B, S)}

keys (B, N, S, H) and values (B, N, S, V), one dict per block; a block whose parts compare no keys
has none. After an encoder-decoder's first step "memory" holds the same of its output, computed
once. An empty slot has the order NEVER, so every mask ignores it, and ragged prompts need nothing
special.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from playmask.model.masks import NEVER, Sites, Tensor
from playmask.model.seams import is_exporting

Cache = dict[str, Any]
KeysValues = dict[str, Tensor]
CacheSizes = dict[str, tuple[int, int]]  # what is kept of each site, as (heads, size)


def empty(
    batch: int, slots: int, blocks: Sequence[CacheSizes], dtype: str, *, segmented: bool = False
) -> Cache:
    """Make a cache of `slots` empty slots for each of `batch` rows.

    blocks: for each block, what it keeps; segmented: whether a part looks at segments
    """
    nothing = ops.zeros((batch, slots), "int32")
    return {
        "kv": tuple(
            {
                name: ops.zeros((batch, heads, slots, size), dtype)
                for name, (heads, size) in sizes.items()
            }
            for sizes in blocks
        ),
        "order": nothing + NEVER,
        "position": nothing,
        "text": nothing,
        **({"segment": nothing} if segmented else {}),
    }


def write_sites(cache: Cache, sites: Sites, at: Tensor) -> Sites:
    """Write new keys' sites at slot `at` and return the sites of all slots, (B, S)."""
    shape = ops.shape(sites.order)
    return Sites(
        **{
            name: _write(cache[name], ops.broadcast_to(value, shape), at, axis=1)
            for name, value in stored(sites).items()
        }
    )


def stored(sites: Sites) -> dict[str, Tensor]:
    """Sites as a cache has them, by name."""
    return {name: value for name, value in sites._asdict().items() if value is not None}


def read_sites(cache: Cache) -> Sites:
    """The sites of all slots."""
    return Sites(**{name: cache[name] for name in Sites._fields if name in cache})


def write_kv(kv: KeysValues, new: KeysValues, at: Tensor) -> KeysValues:
    """Write new keys (B, N, T, H) and values (B, N, T, V) at slot `at`; return all slots."""
    return {
        name: _write(old, ops.cast(new[name], old.dtype), at, axis=2) for name, old in kv.items()
    }


def _write(old: Tensor, new: Tensor, at: Tensor, axis: int) -> Tensor:
    """Write at slot `at` of an axis; in a program for other runtimes, behind the last slot."""
    if is_exporting():  # sizes may change from call to call there
        return ops.concatenate([old, new], axis=axis)
    if keras.distribution.distribution() is not None:
        return ops.slice_update(old, [at if i == axis else 0 for i in range(len(old.shape))], new)
    # Rows of heads, as `heads_in_rows` has them, so that XLA makes no reshaped second array.
    rows, more = (ops.reshape(x, (-1, *ops.shape(x)[axis:])) for x in (old, new))
    written = ops.slice_update(rows, [0, at, *[0] * (len(rows.shape) - 2)], more)
    return ops.reshape(written, ops.shape(old))


def extend(cache: Cache, slots: int) -> Cache:
    """Add empty slots behind those there are."""

    def longer(x: Tensor, axis: int, value: int = 0) -> Tensor:
        width = [[0, slots if place == axis else 0] for place in range(len(x.shape))]
        return ops.pad(x, width, constant_values=value)

    kv = tuple({name: longer(x, 2) for name, x in block.items()} for block in cache["kv"])
    empty = {"order": NEVER, "position": 0, "text": 0, "segment": 0}
    sites = {name: longer(cache[name], 1, v) for name, v in empty.items() if name in cache}
    return {**cache, "kv": kv, **sites}


def heads_in_rows(cache: Cache) -> Cache:
    """The same cache with keys (B·N, S, H) and values (B·N, S, V), as XLA's products take them.

    A loop that carries them so writes into one buffer. Of (B, N, S, H) with one query a row, XLA
    makes four copies at every step, since a product reads a reshaped second array. On several
    devices all stays as it is: they split the heads.
    """
    if keras.distribution.distribution() is not None:
        return cache

    def merged(x: Tensor) -> Tensor:
        return ops.reshape(x, (-1, *x.shape[2:]))

    kv = tuple({name: merged(x) for name, x in block.items()} for block in cache["kv"])
    return {**cache, "kv": kv}


def heads_apart(cache: Cache) -> Cache:
    """The cache that `heads_in_rows` got, as the model takes it."""
    if keras.distribution.distribution() is not None:
        return cache
    batch = cache["order"].shape[0]

    def split(x: Tensor) -> Tensor:
        return ops.reshape(x, (batch, -1, *x.shape[1:]))

    kv = tuple({name: split(x) for name, x in block.items()} for block in cache["kv"])
    return {**cache, "kv": kv}


def last_order(cache: Cache) -> Tensor:
    """The highest order each row holds, -1 for an empty row: int32 (B, 1)."""
    filled = ops.where(cache["order"] < NEVER, cache["order"], -1)
    last = ops.max(filled, axis=1, keepdims=True)
    return ops.maximum(last, -1) if is_exporting() else last  # there may be no slots there


def lengths(cache: Cache) -> Tensor:
    """How many slots of each row are filled: int32 (B, 1)."""
    return ops.sum(ops.cast(cache["order"] < NEVER, "int32"), axis=1, keepdims=True)
