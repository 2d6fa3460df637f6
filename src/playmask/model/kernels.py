"""Attention in one kernel of the backend's, which keeps neither scores nor weights."""

from collections.abc import Sequence
from typing import Any

import keras
import ml_dtypes
from keras import ops

from playmask.model.masks import Tensor
from playmask.model.parts import Dot, Part
from playmask.model.parts.normalizations import HIDDEN

NEEDING = ("condense", "logits", "values")
"""The hooks through which a part needs scores or weights, or changes what is looked at."""


def scorer(parts: Sequence[Any]) -> Dot | None:
    """The dot product that alone makes the scores, but for what is added by place; or None."""
    taking = [
        part
        for part in parts
        if any(getattr(type(part), hook) is not getattr(Part, hook) for hook in NEEDING)
    ]
    return taking[0] if len(taking) == 1 and type(taking[0]) is Dot else None


def available(dtype: str) -> bool:
    """Whether this backend has such a kernel here: PyTorch; JAX on a card, for half precision.

    `keras.config.disable_flash_attention()` says no.
    """
    if keras.config.is_flash_attention_enabled() is False:
        return False
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() == "gpu" and dtype in ("bfloat16", "float16")
    return keras.backend.backend() == "torch"


def attend(
    q: Tensor, k: Tensor, v: Tensor, allowed: Tensor, bias: Tensor | None, *, scale: float
) -> Tensor:
    """The weighted values: q (B, N, T, H); k, v (B, N, S, H); allowed (B, 1, T, S) -> like q.

    bias: what is added to the scores, (B or 1, N or 1, T, S), float32. A query that may look at
    nothing gets anything but NaN. Source: Dao et al. 2022 (FlashAttention)
    """
    if bias is not None:
        dtype = keras.backend.standardize_dtype(q.dtype)
        least = max(HIDDEN, float(ml_dtypes.finfo(dtype).min) / 2)
        bias = ops.cast(ops.where(allowed, bias, least), dtype)
    q, k, v = (ops.transpose(x, (0, 2, 1, 3)) for x in (q, k, v))
    y = ops.dot_product_attention(
        q, k, v, bias=bias, mask=allowed if bias is None else None, scale=scale
    )
    return ops.transpose(y, (0, 2, 1, 3))
