"""How the attention output is computed: by a kernel, or step by step in blocks of queries."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from playmask.model import tiles
from playmask.model.masks import Sites, Tensor
from playmask.model.parts import Dot, Part
from playmask.model.parts.normalizations import HIDDEN
from playmask.model.scene import AttentionInputs, Weighted
from playmask.model.seams import is_exporting

SCORES = 2**22
"""16 MB: what is larger than 32 MB the C library takes anew, and gives back, at every product."""

HALF_HIDDEN = -32752.0
"""Half of the least number in float16, which has no room for HIDDEN."""

HEAD_SCORES = 2**17
"""362 × 362: from here on one head's products are faster than a stack of all heads'."""

FEW = 16
"""Queries of one block at least; of so few no tiles are made either."""

Kernel = Callable[..., Tensor]
"""What computes the weighted values as `attend` does."""

NEEDING = ("condense", "logits", "values")
"""The hooks through which a part needs scores or weights, or changes what is looked at."""


def scorer(parts: Sequence[Any]) -> Dot | None:
    """The dot product that alone makes the scores, but for what is added by place; or None."""
    taking = [part for part in parts if any(_overrides(part, hook) for hook in NEEDING)]
    return taking[0] if len(taking) == 1 and type(taking[0]) is Dot else None


def biased(parts: Sequence[Any]) -> bool:
    """Whether a part adds something to the scores by place."""
    return any(_overrides(part, "bias") for part in parts)


def _overrides(part: Any, hook: str) -> bool:
    return getattr(type(part), hook) is not getattr(Part, hook)


def fastest(
    inputs: AttentionInputs, dtype: str, heads: int, *, biased: bool, training: bool
) -> Kernel | None:
    """The kernel for inputs of these sizes here; None: step by step is faster.

    PyTorch has one, JAX on a card for half precision; JAX's CPU has tiles for long texts in
    float32. heads: those of the scores; biased: a bias is made, of the scores' size.
    `keras.config.disable_flash_attention()` says no.
    """
    if keras.config.is_flash_attention_enabled() is False:
        return None
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        if jax.default_backend() == "gpu" and dtype in ("bfloat16", "float16"):
            return attend
        alone = jax.default_backend() == "cpu" and jax.device_count() == 1
        plain = dtype == "float32" and not training and not is_exporting()
        return tiles.compiled() if alone and plain and _is_long(inputs, heads, biased) else None
    return attend if backend == "torch" else None


def _is_long(inputs: AttentionInputs, heads: int, biased: bool) -> bool:
    """Whether XLA multiplies one head's matrices faster than a stack of all heads'."""
    sizes = _sizes(inputs)
    if sizes is None or sizes[1] <= FEW:
        return False
    batch, queries, keys = sizes
    if batch * heads * queries * keys > SCORES:
        return not biased  # which would be as large; in blocks of queries it is not
    return queries * keys >= HEAD_SCORES


def _sizes(inputs: AttentionInputs) -> tuple[int, int, int] | None:
    """How many rows, queries and keys; None where one is not known before the model runs."""
    sizes = inputs.x.shape[0], inputs.x.shape[1], inputs.kv["values"].shape[2]
    return sizes if all(isinstance(size, int) for size in sizes) else None


def attend(
    q: Tensor, k: Tensor, v: Tensor, allowed: Tensor, bias: Tensor | None, *, scale: float
) -> Tensor:
    """The weighted values: q (B, N, T, H); k, v (B, G, S, H); allowed (B, 1, T, S) -> like q.

    bias: what is added to the scores, (B or 1, N or 1, T, S), float32. A query that may look at
    nothing gets anything but NaN. Source: Dao et al. 2022 (FlashAttention)
    """
    if bias is not None:
        dtype = keras.backend.standardize_dtype(q.dtype)
        least = HALF_HIDDEN if dtype == "float16" else HIDDEN
        bias = ops.cast(ops.where(allowed, bias, least), dtype)
    shared = q.shape[1] // k.shape[1]  # by how many heads; Keras' kernels take one each
    k, v = (x if shared == 1 else ops.repeat(x, shared, axis=1) for x in (k, v))
    q, k, v = (ops.transpose(x, (0, 2, 1, 3)) for x in (q, k, v))
    y = ops.dot_product_attention(
        q, k, v, bias=bias, mask=allowed if bias is None else None, scale=scale
    )
    return ops.transpose(y, (0, 2, 1, 3))


def in_query_blocks(
    attend: Callable[[AttentionInputs], Weighted], inputs: AttentionInputs, heads: int
) -> Weighted:
    """Attend with so many queries at a time that their scores take little memory.

    Shapes: as of `attend`; one block where a size is not known before the model runs
    """
    sizes = _sizes(inputs)
    if sizes is None:
        return attend(inputs)
    batch, count, keys = sizes
    most = max(SCORES // max(batch * heads * keys, 1), FEW)
    size = -(-count // -(-count // most))  # blocks of one size, as far as that goes
    blocks = [attend(_queries(inputs, start, start + size)) for start in range(0, count, size)]
    if len(blocks) == 1:
        return blocks[0]
    outputs, scores, weights = zip(*blocks, strict=True)
    y = ops.concatenate(outputs, axis=1)
    if scores[0] is None:
        return Weighted(y)
    whole = scores[0] if scores[0].shape[2] == 1 else ops.concatenate(scores, axis=2)
    return Weighted(y, whole, ops.concatenate(weights, axis=2))


def _queries(inputs: AttentionInputs, start: int, stop: int) -> AttentionInputs:
    """Some of the queries, with all keys and values."""
    x, q, kv, scene, previous = inputs
    here = slice(start, stop)
    allowed = scene.allowed  # of one query, where all see the same
    queries = Sites(*(site if site is None else site[:, here] for site in scene.queries))
    return AttentionInputs(
        x[:, here],
        None if q is None else q[:, :, here],
        kv,
        scene._replace(
            allowed=allowed if allowed.shape[1] == 1 else allowed[:, here], queries=queries
        ),
        None if previous is None else previous[:, :, here],
    )


def prepend_context(
    scores: Tensor, valid: Tensor, logits: Tensor, allowed: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """Put a context's scores and padding in front of the logits and the mask of a text.

    Shapes: scores (B, N, T, E); valid bool (B, E); logits (B, N, T, S) and allowed (B, 1, T, S), or
            what broadcasts to them; count, S -> (B, N, T, E + S), (B, 1, T, E + S)
    """
    batch, heads, queries, others = ops.shape(scores)
    valid = ops.broadcast_to(valid[:, None, None], (batch, 1, queries, others))
    logits = ops.broadcast_to(logits, (batch, heads, queries, count))
    allowed = ops.broadcast_to(allowed, (batch, 1, queries, count))
    front = ops.cast(scores, "float32")
    return (
        ops.concatenate([front, logits], axis=-1),
        ops.concatenate([valid, allowed], axis=-1),
    )
