"""Steering a language model while it writes, without training it (PPLM)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import NEVER, Tensor
from playmask.model.transformer import Transformer
from playmask.runtime.compiled import Compiled
from playmask.runtime.gradients import with_gradient

Attribute = Callable[[Tensor, Tensor], Tensor]
"""How far a next token is from what is wanted: its log-probabilities (B, V) and the last site's
hidden state (B, D) -> (B,), in nats."""


def bag_of_words(tokens: Sequence[int]) -> Attribute:
    """Ask for words: the negative logarithm of the probability that one of them comes next.

    Source: Dathathri et al. 2020, §4.2
    """
    if not len(tokens):
        raise ConfigError("A bag of words holds ids of tokens; received none.")
    ids = list(tokens)
    return lambda logs, hidden: -ops.logsumexp(ops.take(logs, ids, axis=-1), axis=-1)


def classified_as(kernel: Tensor, bias: Tensor, label: int) -> Attribute:
    """Ask for a label: its negative log-probability by a linear classifier of the hidden state.

    kernel (D, labels), bias (labels).  Source: Dathathri et al. 2020, §4.3
    """

    def away(logs: Tensor, hidden: Tensor) -> Tensor:
        weights, shift = (ops.convert_to_tensor(x, hidden.dtype) for x in (kernel, bias))
        scores = ops.matmul(hidden, weights) + shift
        return -ops.log_softmax(ops.cast(scores, "float32"))[:, label]

    return away


@dataclass(frozen=True)
class Steering:
    """Plug-and-play language model (PPLM): pushes the cache towards an attribute at each token.

    Each iteration moves the cache against the gradient of attribute + kl_scale · KL(steered ‖
    plain), by step_size · g / ‖g‖^gamma for each row and block; window: only the last so many
    sites are moved (None = all). The next token's logits are fusion · steered + (1 - fusion) ·
    plain log-probabilities; the moved cache is handed on.
    Source:  Dathathri et al. 2020 (PPLM), §3, and its program's defaults

    Example:
        >>> from playmask.generation.steering import bag_of_words
        >>> model, steer = playmask.load(path, mask="lm"), Steering(bag_of_words([7, 8]))
        >>> texts = playmask.generate(model, [[1, 2]], max_tokens=3, end=None, steer=steer)
        >>> len(texts.tokens[0][0])
        3

    """

    attribute: Attribute
    step_size: float = 0.02
    iterations: int = 3
    window: int | None = None
    gamma: float = 1.5
    kl_scale: float = 0.01
    fusion: float = 0.9

    def step(self, model: Transformer) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """What stands in the place of a model's decoding step, not compiled yet.

        Shapes:  the model's inputs with one new token, a filled `cache` and `at` ->
                 {"logits": (B, 1, V), "cache"}
        Raises:  ConfigError for a model without a vocabulary head
        """
        if "mlm" not in model.head_names:
            raise ConfigError("Steering needs next-token logits; load the model with heads='mlm'.")

        def run(change: Any, inputs: dict[str, Any]) -> tuple[Tensor, Tensor, Any]:
            cache = inputs["cache"]
            moved = {**cache, "kv": keras.tree.map_structure(ops.add, cache["kv"], change)}
            out = model({**inputs, "cache": moved}, training=False)
            return ops.log_softmax(out["logits"][:, -1]), out["hidden"][:, -1], out["cache"]

        def loss(change: Any, inputs: dict[str, Any], plain: Tensor) -> Tensor:
            logs, hidden, _ = run(change, inputs)
            apart = ops.sum(ops.exp(logs) * (logs - plain), axis=-1)
            return self.attribute(logs, hidden) + self.kl_scale * apart

        def step(inputs: dict[str, Any]) -> dict[str, Any]:
            change = keras.tree.map_structure(ops.zeros_like, inputs["cache"]["kv"])
            plain, _, _ = run(change, inputs)
            reach = _last_sites(inputs["cache"]["order"], self.window)
            for _ in range(self.iterations):
                _, gradient = with_gradient(loss)(change, inputs, plain)
                change = keras.tree.map_structure(
                    lambda c, g: c - self.step_size * _towards(ops.where(reach, g, 0), self.gamma),
                    change,
                    gradient,
                )
            logs, _, cache = run(change, inputs)
            fused = self.fusion * logs + (1 - self.fusion) * plain
            return {"logits": ops.log_softmax(fused)[:, None], "cache": cache}

        return step


def steered(model: Transformer, attribute: Attribute, **options: Any) -> Compiled:
    """Compile `Steering(attribute, **options).step` of a model, to call it step by step.

    `playmask.generate(…, steer=Steering(…))` does so in its loop.
    Shapes:  as of `Steering.step`

    Example:
        >>> from playmask.generation.steering import bag_of_words
        >>> model = playmask.load(path, mask="lm")
        >>> empty, zero = model.empty_cache(1, 4), np.array(0)
        >>> cache = model({"tokens": np.array([[2, 5]]), "cache": empty, "at": zero})["cache"]
        >>> new = {"tokens": np.array([[9]]), "cache": cache, "at": zero + 2}
        >>> steps = model, steered(model, bag_of_words([7]))
        >>> plain, moved = (ops.softmax(step(new)["logits"][0, 0])[7] for step in steps)
        >>> bool(moved > plain)  # the word has become more likely
        True

    """
    return Compiled(model, Steering(attribute, **options).step(model))


def _last_sites(order: Tensor, window: int | None) -> Tensor:
    """The last filled slots of each row: order (B, S) -> bool (B, 1, S, 1)."""
    filled = ops.cast(order < NEVER, "int32")
    left = ops.sum(filled, axis=1, keepdims=True) - ops.cumsum(filled, axis=1)
    reach = order < NEVER
    if window is not None:
        reach = ops.logical_and(reach, left < window)
    return reach[:, None, :, None]


def _towards(gradient: Tensor, gamma: float) -> Tensor:
    """A row's gradient (B, N, S, H), divided by a power of its length."""
    squared = ops.sum(ops.square(gradient), axis=(1, 2, 3), keepdims=True)
    return gradient * ops.power(squared + 1e-20, -gamma / 2)
