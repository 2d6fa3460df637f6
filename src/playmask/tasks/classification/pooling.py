"""How the sites of a text become one vector."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from playmask.errors import ConfigError, nearest
from playmask.labelling.losses import HIDDEN
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer


class Pooling(NamedTuple):
    """What makes one vector of a Transformer's outputs, and how many widths long it is.

    Shapes: pool(outputs, valid (B, T, 1)) -> (B, widths · D)
    """

    pool: Callable[[dict[str, Tensor], Tensor], Tensor]
    widths: int = 1


def heads_of(pooling: str) -> Any:
    """The heads of a model that a pooling needs."""
    return "pool" if pooling == "pooled" else ()


def pooling_of(name: str, transformer: Transformer) -> Pooling:
    """The pooling of a name, for a Transformer that can be pooled so."""
    if name not in POOLINGS:
        raise ConfigError(f"There is no pooling {name!r}.{nearest(name, POOLINGS)}")
    if transformer.architecture.decoder is not None:
        raise ConfigError(
            "Texts are read as a vector by an encoder; load this model with decoder=None."
        )
    if name == "pooled" and "pool" not in transformer.heads:
        raise ConfigError("The pooling 'pooled' is that of a model with the head 'pool'.")
    return POOLINGS[name]


def _mean(outputs: dict[str, Tensor], valid: Tensor) -> Tensor:
    weights = ops.cast(valid, outputs["hidden"].dtype)
    total = ops.sum(outputs["hidden"] * weights, axis=1)
    return total / ops.maximum(ops.sum(weights, axis=1), 1)


def _max(outputs: dict[str, Tensor], valid: Tensor) -> Tensor:
    return ops.max(ops.where(valid, outputs["hidden"], HIDDEN), axis=1)


def _both(outputs: dict[str, Tensor], valid: Tensor) -> Tensor:
    return ops.concatenate([_mean(outputs, valid), _max(outputs, valid)], axis=-1)


def _last(outputs: dict[str, Tensor], valid: Tensor) -> Tensor:
    places = ops.sum(ops.cast(valid, "int32"), axis=1, keepdims=True) - 1
    return ops.take_along_axis(outputs["hidden"], places, axis=1)[:, 0]


POOLINGS = {
    "mean_max": Pooling(_both, widths=2),
    "mean": Pooling(_mean),
    "first": Pooling(lambda outputs, valid: outputs["hidden"][:, 0]),
    "last": Pooling(_last),
    "pooled": Pooling(lambda outputs, valid: outputs["pooled"]),
}
"""How sites become one vector: "last" suits language models, whose last site alone has seen all;
"pooled" is the pretrained pooler of a model with heads="pool"."""
