"""What an optimizer does weight by weight: its rate, its decay, rows that are left alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

import keras
from keras import ops

from playmask.errors import ConfigError


class Rules(NamedTuple):
    """What holds for single weights, by their paths.

    multipliers: of the learning rate, in updates and in weight decay; 1 for all others
    tables: weights whose rows are left alone, with their moments, by a step without gradient there
    """

    multipliers: Mapping[str, float] = {}
    tables: frozenset[str] = frozenset()


EQUAL = Rules()
"""The same for all weights."""


def per_weight(cls: type[keras.optimizers.Optimizer]) -> Any:
    """A subclass of an optimizer that follows its `rules`, on every backend.

    Nothing else is changed: arguments, variables and, without rules, updates are those of `cls`.
    """
    return type(cls.__name__, (_PerWeight, public_class(cls)), {})


def public_class(cls: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """The class that updates weight by weight, where Keras has put PyTorch's own in its place."""
    own = "keras.src.backend.torch.optimizers."
    return next(each for each in cls.__mro__ if not each.__module__.startswith(own))


class _PerWeight(keras.optimizers.Optimizer):
    """What `per_weight` puts in front of an optimizer's class."""

    rules: Rules = EQUAL
    _times: float = 1.0  # of the rate that weight decay asks for

    def build(self, variables: Sequence[Any]) -> None:
        """Create the variables, and note which weight each moment is of.

        Raises: ConfigError where rows are to be left alone and a moment is of no row
        """
        if self.built:
            return
        self._owners: dict[int, str] = {}
        super().build(variables)
        loose = [v.name for v in self.variables if len(v.shape) and id(v) not in self._owners]
        if self.rules.tables and loose:
            raise ConfigError(
                f"lazy_embeddings leaves moments of rows alone, and {type(self).__name__} keeps "
                f"some that are of no row ({loose[0]!r:.60}); adamw, lion and tiger do not."
            )

    def add_variable_from_reference(
        self, reference_variable: Any, *arguments: Any, **options: Any
    ) -> Any:
        """Create a moment, and note which weight it is of."""
        moment = super().add_variable_from_reference(reference_variable, *arguments, **options)
        self._owners[id(moment)] = reference_variable.path
        return moment

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight, at its rate."""
        # On TensorFlow the variable is TensorFlow's own, which knows no path.
        path = self._trainable_variables[self._get_variable_index(variable)].path
        times = self.rules.multipliers.get(path, 1.0)
        super().update_step(gradient, variable, _times(learning_rate, times))

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        decayed = [v for v in variables if self._use_weight_decay(v)]
        for times, group in self._by_rate(decayed):
            with self._at(times):
                super()._apply_weight_decay(group)

    def _by_rate(self, variables: Sequence[Any]) -> list[tuple[float, list[Any]]]:
        def rate(variable: Any) -> float:
            return self.rules.multipliers.get(variable.path, 1.0)

        return [(times, [*group]) for times, group in groupby(sorted(variables, key=rate), rate)]

    @contextmanager
    def _at(self, times: float) -> Iterator[None]:
        self._times = times
        try:
            yield
        finally:
            self._times = 1.0

    def _get_current_learning_rate(self) -> Any:
        return _times(super()._get_current_learning_rate(), self._times)

    def _backend_apply_gradients(self, grads: Sequence[Any], variables: Sequence[Any]) -> None:
        """Update all weights, then give back the rows that had no gradient."""
        before = [
            (self._with_gradient(gradient, variable), each, ops.copy(each.value))
            for gradient, variable in zip(grads, variables, strict=True)
            if variable.path in self.rules.tables
            for each in [variable, *self._moments(variable)]
        ]
        super()._backend_apply_gradients(grads, variables)
        for rows, each, old in before:
            each.assign(ops.where(rows, each.value, old))

    def _moments(self, variable: Any) -> list[Any]:
        """What is kept of the rows of a table, but for averages and accumulated gradients."""
        others = ("_model_variables_moving_average", "_accumulated_gradients")
        left_out = {id(v) for name in others for v in getattr(self, name, ())}
        return [
            v for v in self.variables
            if self._owners.get(id(v)) == variable.path and id(v) not in left_out
        ]  # fmt: skip

    def _with_gradient(self, gradient: Any, variable: Any) -> Any:
        """Which rows of a table have a gradient: (rows, 1)."""
        gradient = ops.convert_to_tensor(gradient)
        if self.gradient_accumulation_steps:
            gradient += self._accumulated_gradients[self._get_variable_index(variable)].value
        return ops.any(ops.not_equal(gradient, 0), axis=1, keepdims=True)

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Keras' for JAX, also while some of the weights that it was built for are frozen."""
        if len(trainable) == len(self._trainable_variables):
            return super().stateless_apply(optimizer_variables, grads, trainable)  # type: ignore[no-any-return]
        thawed = [v for v in self._trainable_variables if v.trainable]
        mapping = [
            *zip(thawed, trainable, strict=True),
            *zip(self.variables, optimizer_variables, strict=True),
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            self.apply(grads, thawed)
        return (
            [scope.get_current_value(v) for v in thawed],
            [scope.get_current_value(v) for v in self.variables],
        )


def _times(rate: Any, times: float) -> Any:
    return rate if times == 1.0 else rate * times
