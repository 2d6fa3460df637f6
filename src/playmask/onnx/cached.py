"""Generation: one graph for the first call and for every step, with the cache in and out.

A cache has as many slots as there were tokens: none at first, and each call adds its own behind.
What goes in is called past/…, what comes out cache/…
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from playmask.errors import ConfigError
from playmask.model import cache as kv_cache
from playmask.model.cache import Cache
from playmask.model.seams import is_exporting
from playmask.model.transformer import Transformer
from playmask.onnx.check import Lengths
from playmask.onnx.export import Entry
from playmask.onnx.graph import CACHE, ENCODER, MEMORY, MODEL, PAST
from playmask.onnx.signature import BATCH, LENGTH, MEMORIES, TARGETS, inputs_of
from playmask.onnx.tracing import Function, TensorInfo

ROOM = 8
"""Slots that a comparison with the model may fill before its text."""


def cached_entries(model: Transformer) -> list[Entry]:
    """The graph that writes token by token, and before it, of an encoder-decoder, the encoder.

    Raises: ConfigError for a model that cannot go on from a cache
    """
    a = model.architecture
    stored = _stored(model)
    if (a if a.decoder is None else a.decoding).order == "full":
        raise ConfigError(
            "A text of the order 'full' cannot go on from a cache, since its first tokens look at "
            "the last; load the model with mask='lm' or 'unilm'."
        )
    inputs = inputs_of(a)
    if a.decoder is None:
        return [Entry(MODEL, _step(model, LENGTH), inputs | stored, _lengths(a.limit))]
    before = {n: x for n, x in inputs.items() if not n.startswith("target_")}
    target = {n: x for n, x in inputs.items() if n not in before or n == "condition"}
    step = target | stored | _memory(model)
    return [
        Entry(ENCODER, _first(model), before, Lengths(most=a.limit)),
        Entry(MODEL, _step(model, TARGETS), step, _lengths(a.decoding.limit)),
    ]


def _lengths(limit: int | None) -> Lengths:
    """How long a text may be that goes on from a cache."""
    return Lengths(most=None if limit is None else max(limit - ROOM, 1))


def _flat(cache: Cache, name: str) -> dict[str, Any]:
    """A cache's tensors by names of one word a level."""
    blocks = {
        f"{name}/{i}/{side}": value
        for i, block in enumerate(cache["kv"])
        for side, value in block.items()
    }
    return blocks | {f"{name}/{k}": v for k, v in cache.items() if k not in ("kv", MEMORY)}


def _nested(tensors: Mapping[str, Any], name: str) -> Cache:
    """The cache of `_flat`'s names."""
    own = {k.removeprefix(f"{name}/"): v for k, v in tensors.items() if k.startswith(f"{name}/")}
    blocks: dict[int, dict[str, Any]] = {}
    for key, value in own.items():
        number, _, side = key.partition("/")
        if side:
            blocks.setdefault(int(number), {})[side] = value
    sites = {key: value for key, value in own.items() if "/" not in key}
    return {"kv": tuple(blocks.get(i, {}) for i in range(max(blocks, default=-1) + 1)), **sites}


def _infos(tensors: Mapping[str, Any], size: str) -> dict[str, TensorInfo]:
    """What a cache's tensors are as inputs: any batch, and any number of slots."""
    infos = {}
    for name, tensor in tensors.items():
        sizes: list[int | str] = [BATCH, *tensor.shape[1:]]
        sizes[2 if len(sizes) == 4 else 1] = size
        dtype = "float32" if len(sizes) == 4 else "int32"
        infos[name] = TensorInfo(tuple(sizes), dtype, 4 if dtype == "int32" else None)
    return infos


def _stored(model: Transformer) -> dict[str, TensorInfo]:
    return _infos(_flat(model.empty_cache(1, 1), PAST), PAST)


def _memory(model: Transformer) -> dict[str, TensorInfo]:
    """What the encoder's graph returns, as inputs of the other one."""
    blocks = model.decoder.remember(ops.zeros((1, 1, model.architecture.width)))
    sites = {name: ops.zeros((1, 1), "int32") for name in ("order", "position", "text")}
    return _infos(_flat({"kv": blocks, **sites}, MEMORY), MEMORIES)


def _step(model: Transformer, length: str) -> Function:
    """New tokens behind those of a cache: logits, and the cache with them."""
    tokens = "target_tokens" if length == TARGETS else "tokens"

    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        own = {name: value for name, value in inputs.items() if "/" not in name}
        cache = _nested(inputs, PAST)
        at: Any = np.int32(0)
        if not is_exporting():  # the model itself writes into a cache with room
            at = np.int32(cache["order"].shape[1])
            cache = kv_cache.extend(cache, own[tokens].shape[1])
        if length == TARGETS:
            cache[MEMORY] = _nested(inputs, MEMORY)
        outputs = model({**own, CACHE: cache, "at": at}, training=False)
        return {"logits": outputs["logits"], **_flat(outputs[CACHE], CACHE)}

    return function


def _first(model: Transformer) -> Function:
    """What the decoder looks at, computed once: keys and values of each block, and their sites."""

    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        first = next(iter(inputs.values()))
        begin = ops.cast(ops.zeros_like(first[:, :1]), "int32")
        if len(begin.shape) == 3:  # of a memory's vectors
            begin = begin[..., 0]
        cache = model.empty_cache(first.shape[0], 1)
        target = {"target_tokens": begin, CACHE: cache, "at": np.int32(0)}
        outputs = model({**inputs, **target}, training=False)
        return _flat(outputs[CACHE][MEMORY], MEMORY)

    return function
