"""Attention in tiles: some queries of one head and some keys at a time, with an online softmax."""

from functools import cache
from typing import Any, NamedTuple

from keras import ops

from playmask.model.masks import Tensor
from playmask.model.parts.normalizations import HIDDEN

TILE = 512
"""Queries, and keys, of a tile at most: 1 MB of scores, which stay in a core's own cache.

Tiles are twice as long and wide where each sees something, so that none could be passed over:
there are fewer steps then, each of which both cores wait for.
"""

ALIGNMENT = 16
"""Sizes of tiles are multiples of a vector register's float32 numbers."""

LEAST = -1e30  # below every score, hidden ones too


class Running(NamedTuple):
    """The online softmax of some queries: the greatest score, the sum of exponentials, the output.

    Shapes: float32 (T, 1), (T, 1) and (T, V)
    """

    most: Tensor
    total: Tensor
    output: Tensor


def attend(
    q: Tensor, k: Tensor, v: Tensor, allowed: Tensor, bias: Tensor | None, *, scale: float
) -> Tensor:
    """The weighted values: q (B, N, T, H); k, v (B, G, S, H); allowed (B, 1, T, S) -> like q.

    bias: what is added to the scores, (B or 1, N or 1, T, S), float32; all sizes are known. Tiles
    of which nothing may be seen are passed over, and where all may be, no mask is added; a query
    that may look at nothing gets anything but NaN.
    Source: Milakov and Gimelshein 2018 (online softmax); Rabe and Staats 2021
    """
    batch, _, count, _ = q.shape
    keys = k.shape[2]
    allowed = ops.broadcast_to(allowed[:, 0], (batch, count, keys))
    if bias is not None:
        bias = ops.broadcast_to(bias, (*bias.shape[:2], count, keys))

    def by(most: int) -> Tensor:
        return _in_tiles(q * scale, k, v, allowed, bias, (_tile(count, most), _tile(keys, most)))

    if max(count, keys) <= TILE:
        return by(TILE)
    some, _ = _visible(allowed, (_tile(count, TILE), _tile(keys, TILE)))
    y: Tensor = ops.cond(ops.all(some), lambda: by(2 * TILE), lambda: by(TILE))
    return y


def _visible(allowed: Tensor, tile: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Of which tiles some, and of which all, may be seen: (B, T, S) -> bool (B, rows, columns)."""
    allowed = _padded(allowed, *tile)
    batch, count, keys = allowed.shape
    tiled = ops.reshape(allowed, (batch, count // tile[0], tile[0], keys // tile[1], tile[1]))
    return ops.any(tiled, axis=(2, 4)), ops.all(tiled, axis=(2, 4))


def _in_tiles(
    q: Tensor, k: Tensor, v: Tensor, allowed: Tensor, bias: Tensor | None, tile: tuple[int, int]
) -> Tensor:
    """The same by tiles of so many queries and keys; q is scaled, allowed (B, T, S)."""
    batch, heads, count, _ = q.shape
    groups, _, size = v.shape[1:]
    height, width = tile
    some, every = _visible(allowed, tile)
    visible = ops.cast(some, "int32") + ops.cast(every, "int32")  # nothing, a part, or all of it
    rows, columns = visible.shape[1:]
    q, k, v = _padded(q, height, 1), _padded(k, width, 1), _padded(v, width, 1)
    allowed = _padded(allowed, height, width)
    bias = None if bias is None else _padded(bias, height, width)

    def attend_row(i: Tensor, y: Tensor) -> Tensor:
        """The output of one row of tiles: a head's next queries, with all keys."""
        b, h, row = i // (heads * rows), i // rows % heads, i % rows
        group = h // (heads // groups)
        queries = _block(q, (b, h), row * height, height)

        def attend_tile(column: Tensor, running: Running) -> Running:
            start = column * width

            def look(masked: bool) -> Running:
                scores = ops.matmul(queries, ops.transpose(_block(k, (b, group), start, width)))
                if bias is not None:
                    scores = scores + _tile_of(bias, (b, h), (row * height, start), (height, width))
                if masked:
                    may = _tile_of(allowed, (b,), (row * height, start), (height, width))
                    scores = scores + ops.where(may, 0.0, HIDDEN)
                return _updated(running, scores, _block(v, (b, group), start, width))

            cases = (lambda: running, lambda: look(True), lambda: look(False))
            after: Running = ops.switch(visible[b, row, column], cases)
            return after

        first = Running(
            ops.full((height, 1), LEAST, q.dtype),
            ops.zeros((height, 1), q.dtype),
            ops.zeros((height, size), q.dtype),
        )
        last = ops.fori_loop(0, columns, attend_tile, first)
        output = last.output / ops.maximum(last.total, -1 / LEAST)
        return ops.slice_update(y, (b, h, row * height, 0), output[None, None])

    y = ops.zeros((batch, heads, rows * height, size), q.dtype)
    return ops.fori_loop(0, batch * heads * rows, attend_row, y)[:, :, :count]


@cache
def compiled() -> Any:
    """`attend` as one program: outside of others, a loop would be compiled at every call."""
    import jax

    return jax.jit(attend, static_argnames="scale")


def _updated(running: Running, scores: Tensor, values: Tensor) -> Running:
    """Take further keys into an online softmax: scores (T, S), values (S, V)."""
    most = ops.maximum(running.most, ops.max(scores, axis=-1, keepdims=True))
    most = ops.stop_gradient(most)
    shares, shrunk = ops.exp(scores - most), ops.exp(running.most - most)
    total = running.total * shrunk + ops.sum(shares, axis=-1, keepdims=True)
    return Running(most, total, running.output * shrunk + ops.matmul(shares, values))


def _tile(count: int, most: int) -> int:
    """A tile's size for so many queries or keys: as many tiles as it takes, all of one size."""
    size = -(-count // -(-count // most))
    return -(-size // ALIGNMENT) * ALIGNMENT


def _padded(x: Tensor, height: int, width: int) -> Tensor:
    """Fill the last two axes up to multiples of a tile's sizes with zeros, and False."""
    rows, columns = -x.shape[-2] % height, -x.shape[-1] % width
    if not rows and not columns:
        return x
    return ops.pad(x, [(0, 0)] * (len(x.shape) - 2) + [(0, rows), (0, columns)])


def _block(x: Tensor, at: tuple[Tensor, ...], start: Tensor, count: int) -> Tensor:
    """The vectors of some sites of one head: (B, N, T, H) -> (count, H)."""
    return _tile_of(x, at, (start, 0), (count, x.shape[-1]))


def _tile_of(
    x: Tensor, at: tuple[Tensor, ...], start: tuple[Tensor, ...], shape: tuple[int, int]
) -> Tensor:
    """A matrix of x (…, T, S) at a place of the leading axes; those of size 1 are shared."""
    places = [0 if size == 1 else i for i, size in zip(at, x.shape, strict=False)]
    return ops.reshape(ops.slice(x, (*places, *start), (*[1] * len(at), *shape)), shape)
