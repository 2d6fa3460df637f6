"""Tiger: the sign of the momentum."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("playmask")
class Tiger(keras.optimizers.Optimizer):
    """Update by the sign of the momentum: m = β m + (1-β) g, θ = θ - η (sign(m) + λ θ).

    beta: of the momentum, all that it keeps (a third of what AdamW does); relative: η is times the
    root mean square of the weight, of each row in tables of embeddings, and half on biases and
    norms, as in the post; then rates are about 1e-3, else a third to a tenth of AdamW's
    Source: Su 2023 (kexue 9512)

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> history = task.fit(data, epochs=2, optimizer="tiger", learning_rate=1e-3, verbose=0)
        >>> task.training.optimizer
        'tiger'

    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta: float = 0.965,
        weight_decay: float | None = 0.01,
        relative: bool = False,
        name: str = "tiger",
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, name=name, **options)
        if not 0 <= beta < 1:
            raise ValueError(f"beta is from 0 to below 1, not {beta!r}.")
        self.beta, self.relative = beta, relative

    def build(self, variables: Sequence[Any]) -> None:
        """Create a momentum for each weight."""
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")
        self._names = [variable.name for variable in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight."""
        index = self._get_variable_index(variable)
        momentum, rate = self._momentums[index], ops.cast(learning_rate, variable.dtype)
        beta = ops.cast(self.beta, variable.dtype)
        new = beta * momentum + (1 - beta) * ops.cast(gradient, variable.dtype)
        self.assign(momentum, new)
        move = ops.sign(new)
        if self.weight_decay and self._use_weight_decay(self._trainable_variables[index]):
            move = move + ops.cast(self.weight_decay, variable.dtype) * variable
        self.assign_sub(variable, rate * self._scale(variable, self._names[index]) * move)

    def _scale(self, variable: Any, name: str) -> Any:
        """What the rate is multiplied with."""
        if not self.relative:
            return 1.0
        if len(variable.shape) < 2:
            return 0.5
        rows = {"axis": -1, "keepdims": True} if name == "embeddings" else {}
        return ops.sqrt(ops.mean(ops.square(ops.convert_to_tensor(variable)), **rows))

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        """In the update itself, at the scaled rate."""

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make the optimizer again."""
        return {**super().get_config(), "beta": self.beta, "relative": self.relative}
