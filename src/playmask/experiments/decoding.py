"""Continuing texts token by token through the cache: one compiled step for a batch of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from playmask.compiled import Compiled
from playmask.transformer import Transformer

Choose = Callable[[np.ndarray], np.ndarray]  # logits (B, V) -> tokens (B,)
Follow = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]
"""A step's inputs, from the tokens (B, 1) chosen last and from which rows still go on (B, 1)."""


def greedy(logits: np.ndarray) -> np.ndarray:
    """Always the likeliest token."""
    return logits.argmax(axis=-1)


def nucleus(seed: int, *, temperature: float = 1.0, share: float = 0.95) -> Choose:
    """Draw among the likeliest tokens that together have this share of the probability.

    Source: Holtzman et al. 2019, §3.1
    """
    random = np.random.default_rng(seed)

    def choose(logits: np.ndarray) -> np.ndarray:
        order = np.argsort(-logits, axis=-1)
        logs = np.take_along_axis(logits, order, -1).astype("float64") / temperature
        chances = np.exp(logs - logs[:, :1])
        chances /= chances.sum(axis=-1, keepdims=True)
        before = chances.cumsum(axis=-1) - chances
        heaps = np.where(before < share, chances, 0).cumsum(axis=-1)
        place = (heaps < random.random((len(heaps), 1)) * heaps[:, -1:]).sum(axis=-1)
        return np.take_along_axis(order, place[:, None], -1)[:, 0]

    return choose


def generate(
    model: Transformer,
    prompts: Mapping[str, np.ndarray],
    follow: Follow,
    *,
    end: int,
    room: np.ndarray,
    batch: int,
    choose: Choose = greedy,
    keep: Sequence[str] = (),
) -> list[list[int]]:
    """Continue every prompt until the token `end`, which is left out.

    prompts: the inputs of a first call, whose `read` names the last place of each; room: how many
    tokens each row may get; batch: rows at a time; keep: prompts that every step gets too
    """

    def step(inputs: dict[str, Any]) -> Any:
        outputs = model(inputs, training=False)
        return outputs["logits"][:, -1], outputs["cache"]

    run, texts = Compiled(model, step), []
    count, steps = len(room), int(room.max())
    length = prompts.get("target_tokens", prompts["tokens"]).shape[1]
    for start in range(0, count, batch):
        chosen = np.resize(np.arange(start, min(start + batch, count)), batch)
        inputs = {name: values[chosen] for name, values in prompts.items()}
        cache, made, live = model.empty_cache(batch, length + steps), [], np.ones(batch, bool)
        for at in range(steps):
            place = np.int32(at and length + at - 1)
            logits, cache = run({**inputs, "cache": cache, "at": place})
            tokens = choose(ops.convert_to_numpy(logits))
            live = live & (tokens != end) & (at < room[chosen])
            made.append(np.where(live, tokens, -1))
            if not live.any():
                break
            kept = {name: inputs[name] for name in keep}
            inputs = {**follow(tokens[:, None].astype("int32"), live[:, None]), **kept}
        rows = np.stack(made, axis=1)[: count - start]
        texts += [[int(token) for token in row if token >= 0] for row in rows]
    return texts
