"""How the sites of a text become one vector."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from keras import ops

from playmask.errors import ConfigError, nearest
from playmask.labelling.candidates import HIDDEN
from playmask.model.masks import Tensor
from playmask.model.seams import is_exporting
from playmask.model.transformer import Transformer


class Pooling(NamedTuple):
    """What makes one vector of a Transformer's outputs, and how many widths long it is.

    Shapes: pool(outputs, valid (B, T, 1)) -> (B, widths · D)
    """

    pool: Callable[[dict[str, Tensor], Tensor], Tensor]
    widths: int = 1


def pooling_of(name: str, transformer: Transformer) -> Pooling:
    """The pooling of a name, or of several ("max+mean"), for a Transformer that can have it."""
    parts = [part.strip() for part in name.split("+")]
    odd = next((part for part in parts if part not in POOLINGS), None)
    if odd is not None:
        raise ConfigError(f"There is no pooling {odd!r}.{nearest(odd, POOLINGS)}")
    if transformer.architecture.decoder is not None:
        raise ConfigError(
            "Texts are read as a vector by an encoder; load this model with decoder=None."
        )
    if "pooled" in parts and "pool" not in transformer.heads:
        raise ConfigError("The pooling 'pooled' is that of a model with the head 'pool'.")
    return joined([POOLINGS[part] for part in parts])


def joined(poolings: Sequence[Pooling]) -> Pooling:
    """The vectors of several poolings, one behind the other."""
    if len(poolings) == 1:
        return poolings[0]

    def pool(outputs: dict[str, Tensor], valid: Tensor) -> Tensor:
        return ops.concatenate([each.pool(outputs, valid) for each in poolings], axis=-1)

    return Pooling(pool, sum(each.widths for each in poolings))


def _mean(outputs: dict[str, Tensor], valid: Tensor) -> Tensor:
    weights = ops.cast(valid, outputs["hidden"].dtype)
    total = ops.sum(outputs["hidden"] * weights, axis=1)
    return total / ops.maximum(ops.sum(weights, axis=1), 1)


def _mean_sqrt_length(outputs: dict[str, Tensor], valid: Tensor) -> Tensor:
    weights = ops.cast(valid, outputs["hidden"].dtype)
    total = ops.sum(outputs["hidden"] * weights, axis=1)
    return total / ops.sqrt(ops.maximum(ops.sum(weights, axis=1), 1))


def _weighted_mean(outputs: dict[str, Tensor], valid: Tensor) -> Tensor:
    weights = ops.cast(valid, outputs["hidden"].dtype)
    weights = weights * ops.cumsum(weights, axis=1)  # the first token counts once, the second twice
    return ops.sum(outputs["hidden"] * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1)


def _max(outputs: dict[str, Tensor], valid: Tensor) -> Tensor:
    # The gradient of `ops.max` compares with the maximum; where XLA computes the hidden states once
    # more for that, they may be rounded otherwise, and no place, or a wrong one, gets the gradient.
    hidden = ops.where(valid, ops.cast(outputs["hidden"], "float32"), HIDDEN)
    if is_exporting():  # without a gradient
        return ops.max(hidden, axis=1)
    first = ops.expand_dims(ops.argmax(hidden, axis=1), 1)
    places = ops.arange(ops.shape(hidden)[1], dtype=first.dtype)[None, :, None]
    return ops.cast(
        ops.sum(ops.where(places == first, hidden, 0.0), axis=1), outputs["hidden"].dtype
    )


def _last(outputs: dict[str, Tensor], valid: Tensor) -> Tensor:
    places = ops.sum(ops.cast(valid, "int32"), axis=1, keepdims=True) - 1
    return ops.take_along_axis(outputs["hidden"], places, axis=1)[:, 0]


POOLINGS = {
    "mean_max": joined([Pooling(_mean), Pooling(_max)]),
    "mean": Pooling(_mean),
    "max": Pooling(_max),
    "mean_sqrt_length": Pooling(_mean_sqrt_length),
    "weighted_mean": Pooling(_weighted_mean),
    "first": Pooling(lambda outputs, valid: outputs["hidden"][:, 0]),
    "last": Pooling(_last),
    "pooled": Pooling(lambda outputs, valid: outputs["pooled"]),
}
"""How sites become one vector: "mean_sqrt_length" divides their sum by the root of their number,
"weighted_mean" counts each as often as its place says (Muennighoff 2022, SGPT); "last" suits
language models, whose last site alone has seen all; "pooled" is the pretrained pooler of a model
with heads="pool"."""
