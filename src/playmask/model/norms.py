"""Normalisation, and where it stands around a sub-layer."""

import math
from typing import Any

import keras
from keras import ops

from playmask.errors import ConfigError, InputError, brief
from playmask.model.activations import activation
from playmask.model.dense import Dense
from playmask.model.masks import Tensor
from playmask.model.recipes import recipe
from playmask.model.seams import seam


@recipe
class Norm:
    """Layer normalisation ("layer"), or by the root mean square only ("rms", RMSNorm).

    scale, shift: whether it has γ, and β ("rms" has no β).
    Source: Ba et al. 2016; Zhang & Sennrich 2019 ("rms"); without shift, ModernBERT's

    Example:
        >>> Norm(epsilon=1e-6).shifts, Norm(epsilon=1e-6, kind="rms").shifts
        (True, False)

    """

    epsilon: float = 1e-12
    kind: str = "layer"
    scale: bool = True
    shift: bool = True

    def __post_init__(self) -> None:
        if self.kind not in ("layer", "rms"):
            raise ConfigError(f"A norm is of the kind 'layer' or 'rms', not {self.kind!r}.")
        if not isinstance(self.epsilon, (int, float)) or not 0 <= self.epsilon < math.inf:
            raise ConfigError(f"epsilon is a number, 0 or more, not {brief(self.epsilon)}.")

    @property
    def shifts(self) -> bool:
        """Whether there is a β."""
        return self.shift and self.kind == "layer"


@recipe
class Condition:
    """Conditional layer normalisation: γ and β of every norm depend on the input `condition`.

    size: C, how many numbers a condition has; hidden, activation: a layer that it passes first,
    one for each norm (None = none). What depends on it begins at 0.
    Shapes: the model's input `condition` (B, C), or (B, T, C) for each token its own
    Source: Su 2019 (kexue 7124), after conditional batch normalisation; reproduces bert4keras'
    `layer_norm_cond`

    Example:
        >>> inputs = {"tokens": np.array([[2, 7, 3]])}
        >>> out = load(path, condition=Condition(5))({**inputs, "condition": np.ones((1, 5))})
        >>> bool(np.allclose(out["hidden"], model(inputs)["hidden"], atol=1e-5))  # until trained
        True

    """

    size: int
    hidden: int | None = None
    activation: str = "linear"


@recipe
class Around:
    """Pre-norm and post-norm of a sub-layer f: y = after(x + f(before(x))).

    Source: Vaswani et al. 2017 (after); Xiong et al. 2020 (before)

    Example:
        >>> architecture("bert").attention_norm == Around(after=Norm(1e-12))
        True
        >>> architecture("gpt2").attention_norm == Around(before=Norm(1e-5))
        True

    """

    before: Norm | None = None
    after: Norm | None = None


def normalize(
    norm: Norm | None, name: str, policy: Any, condition: Condition | None = None
) -> "Normalize | None":
    """The layer that a norm describes, where there is one."""
    return None if norm is None else Normalize(norm, condition, name=name, dtype=policy)


class Normalize(keras.layers.Layer):
    """Normalises each vector, in float32, then scales and shifts it.

    With a condition c, scale and shift are γ + W_γ c and β + W_β c, where both W start at zero.
    Shapes: x (..., D); condition (B, C), or (B, T, C) for each token its own -> (..., D)
    Source: Ba et al. 2016; with kind "rms", Zhang & Sennrich 2019 (no mean, no shift)
    """

    def __init__(self, norm: Norm, condition: Condition | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.norm, self.condition = norm, condition
        self.hidden: Dense | None = None
        self.scales: Any = None
        self.shifts: Any = None
        if condition is not None:
            self.activation = activation(condition.activation)
            if condition.hidden is not None:
                self.hidden = self._dense("hidden", condition.hidden, "random_normal")

    def _dense(self, name: str, units: int, initializer: str) -> Dense:
        return Dense(
            units,
            use_bias=False,
            kernel_initializer=initializer,
            name=name,
            dtype=self.dtype_policy,
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create gamma and beta for vectors of the width shape[-1]."""
        if self.norm.scale:
            self.gamma = self.add_weight(name="gamma", shape=shape[-1:], initializer="ones")
        if self.norm.shifts:
            self.beta = self.add_weight(name="beta", shape=shape[-1:], initializer="zeros")
        if self.condition is not None:
            if self.hidden is not None:
                self.hidden.build((None, None, self.condition.size))
            self.scales, self.shifts = (
                self._dense(name, shape[-1] or 0, "zeros") for name in ("scales", "shifts")
            )
            for dense in (self.scales, self.shifts):
                dense.build((None, None, self.condition.hidden or self.condition.size))

    def call(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Normalise the last axis."""
        y = ops.cast(x, "float32")
        scale = ops.cast(self.gamma, "float32") if self.norm.scale else None
        shift = ops.cast(self.beta, "float32") if self.norm.shifts else None
        if self.condition is not None:
            scale, shift = self._conditioned(scale, shift, condition)
        elif self.norm.kind == "layer" and scale is not None:
            own = (scale,) if shift is None else (scale, shift)
            return ops.cast(layer_norm(y, *own, epsilon=self.norm.epsilon), self.compute_dtype)
        y = _standardized(y, self.norm.epsilon, centred=self.norm.kind == "layer")
        y = y if scale is None else y * scale
        y = y if shift is None else y + shift
        return ops.cast(y, self.compute_dtype)

    def _conditioned(
        self, scale: Tensor | None, shift: Tensor | None, condition: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Scale and shift with what the condition adds, (B, 1, D) or (B, T, D)."""
        if condition is None:
            raise InputError("The norms of this model depend on inputs['condition'], (B, C).")
        if len(condition.shape) == 2:
            condition = ops.expand_dims(condition, 1)
        if self.hidden is not None:
            condition = self.activation(self.hidden(condition))
        scales, shifts = (ops.cast(w(condition), "float32") for w in (self.scales, self.shifts))
        return (1.0 if scale is None else scale) + scales, (
            0.0 if shift is None else shift
        ) + shifts


@seam
def layer_norm(x: Tensor, scale: Tensor, *shift: Tensor, epsilon: float) -> Tensor:
    """Standardise the last axis, scale it, and shift it by β where there is one."""
    y = _standardized(x, epsilon, centred=True) * scale
    return y + shift[0] if shift else y


def _standardized(y: Tensor, epsilon: float, *, centred: bool) -> Tensor:
    """The last axis over its root mean square, less its mean where it is centred."""
    if centred:
        y = y - ops.mean(y, axis=-1, keepdims=True)
    return y * ops.rsqrt(ops.mean(ops.square(y), axis=-1, keepdims=True) + epsilon)
