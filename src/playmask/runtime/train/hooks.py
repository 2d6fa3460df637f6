"""An open training step: what joins it sees the batch, adds to the loss, acts after the update."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from playmask.runtime.access import writing
from playmask.runtime.gradients import with_gradient

Tensors = dict[str, Any]


class StepHook(keras.callbacks.Callback):
    """Joins every training step of `Task.fit`, on every backend; give it among the callbacks.

    It is a Keras callback too, so it may also act at the ends of epochs.

    Example:
        >>> class Twice(StepHook):
        ...     def add_loss(self, step):
        ...         return step.loss_of(step.forward())  # a second pass, with other dropout
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> sorted(task.fit(data, epochs=1, callbacks=[Twice()], verbose=0))
        ['accuracy', 'loss']

    """

    passive: ClassVar[bool] = False  # whether a training is the same without it

    def begin(self, network: "OpenStep") -> None:
        """Prepare a network that is trained next, before it is compiled.

        What the method remembers from step to step are variables of `network.hook_variables`.
        """

    def end(self, network: "OpenStep") -> None:
        """Undo what `begin` did, also where it failed; the best weights are in the network."""

    def add_loss(self, step: "Step") -> Any | None:
        """A scalar that is added to the loss of a step, differentiated with it; None: nothing."""
        return None

    def after_update(self, network: keras.Model) -> None:
        """Act on the weights after the optimizer has updated them, inside the compiled step."""

    def measure(self, network: keras.Model) -> Mapping[str, Any]:
        """Scalars that join the logs of a step, measured after the update, inside of the step."""
        return {}


class Step(NamedTuple):
    """What a hook sees of a training step, where gradients are taken.

    inputs, targets, weights: of the batch; outputs: what the network has answered; loss: a scalar;
    states: hidden states of that pass by stack, where a hook has its Transformer record them
    """

    network: "OpenStep"
    inputs: Tensors
    targets: Any
    weights: Any
    outputs: Tensors
    loss: Any
    states: tuple[tuple[Any, ...], ...] = ()

    def forward(self, **changes: Any) -> Tensors:
        """A further pass through the network, with some inputs changed; dropout draws anew."""
        outputs: Tensors = self.network({**self.inputs, **changes}, training=True)
        return outputs

    def loss_of(self, outputs: Tensors) -> Any:
        """The loss of the task for some outputs: a scalar."""
        return self.network.task_loss(self.targets, outputs, self.weights)

    def gradient_of_embeddings(self) -> Any:
        """The gradient of the loss with respect to each token's embedding: (B, T, E).

        It is taken by a pass of its own; no gradient flows through it.
        """

        def loss(extra: Any) -> Any:
            with _apart(self.network):
                return self.loss_of(self.forward(extra=extra))

        _, gradient = with_gradient(loss)(self.zero_embeddings())
        return ops.stop_gradient(gradient)

    def zero_embeddings(self) -> Any:
        """What changes no embedding, as the input `extra`: zeros (B, T, E)."""
        size = self.network.transformer.architecture.embedding_size_
        return ops.zeros((*ops.shape(self.inputs["tokens"]), size))


class HookVariables(keras.layers.Layer):
    """What hooks remember from step to step: in a step's state and in back-ups, but no weights.

    Keras locks what a built model holds, so the variables stand in a list that it does not track.
    """

    def __init__(self) -> None:
        super().__init__(name="hooks")
        self.store = _Store()

    @property
    def variables(self) -> list[Any]:
        """Those of the training that runs, and those of other models that take part in it."""
        return [*self.store.variables, *self.store.lent]

    @property
    def lent(self) -> list[Any]:
        """Those of other models, which do not learn: no back-up holds them."""
        return [*self.store.lent]

    def lend(self, variables: Sequence[Any]) -> None:
        """Let another model's variables, none of which is trainable, be in the steps' state."""
        self.store.lent += variables

    @property
    def weights(self) -> list[Any]:
        """None: what is here is neither saved nor kept with the best epoch."""
        return []

    def add(self, name: str, value: Any, *, trainable: bool = False) -> keras.Variable:
        """A variable that begins as a value: an array, or a number."""
        variable = keras.Variable(value, trainable=trainable, autocast=False, name=name)
        self.store.variables.append(variable)
        return variable


class _Store:
    """Lists that Keras does not look into."""

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self.lent: list[Any] = []


class OpenStep(keras.Model):
    """A model whose training step hooks may join; with none it is Keras' own."""

    hooks: Sequence[StepHook] = ()
    accumulates = False  # whether batches are parts of larger ones, see `accumulation.py`
    teacher: Any = None  # gives what methods of `fit(teacher=…)` learn from
    transformer: Any

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.hook_variables = HookVariables()

    def join(self, hooks: Sequence[StepHook]) -> None:
        """Let hooks take part in the steps of the next training, in place of others before."""
        self.hook_variables.store = _Store()
        self.hooks = hooks
        for number, hook in enumerate(hooks):
            try:
                hook.begin(self)
            except BaseException:
                self.leave(hooks[: number + 1])
                raise

    def leave(self, hooks: Sequence[StepHook]) -> None:
        """End what hooks began, the last first; after a training nothing is left of them."""
        self.join(())
        for hook in reversed(hooks):
            hook.end(self)

    def fit(self, *arguments: Any, **options: Any) -> Any:
        """Keras' fit, which has the weights alone: other threads are refused meanwhile."""
        with writing(self, lasts=True):
            return super().fit(*arguments, **options)

    def task_loss(self, targets: Any, outputs: Tensors, weights: Any) -> Any:
        """The compiled losses of outputs: a scalar."""
        if not self.accumulates:
            return super().compute_loss(y=targets, y_pred=outputs, sample_weight=weights)
        with _summed(self.loss.values()):
            loss = super().compute_loss(y=targets, y_pred=outputs, sample_weight=weights)
        return ops.divide_no_nan(loss, _share(weights))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The compiled losses, and in training what the hooks add; Keras calls it in each step."""
        if not training:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        loss = self.task_loss(y, y_pred, sample_weight)
        step = Step(self, x, y, sample_weight, y_pred, loss, recorded_states(self))
        for extra in (hook.add_loss(step) for hook in self.hooks):
            loss = loss if extra is None else loss + extra
        return loss * _share(sample_weight) if self.accumulates else loss

    def train_step(self, *arguments: Any) -> Any:
        """Keras' step, then what the hooks do and measure after the update."""
        result = super().train_step(*arguments)
        if not self._acting():
            return result
        if keras.backend.backend() != "jax":
            self._when_updated(self._act, lambda: None)
            return {**result, **self._measures()}
        logs, state = result
        measures, state = self._act_on(state)
        return {**logs, **measures}, state

    def _acting(self) -> bool:
        both = (StepHook.after_update, StepHook.measure)
        return any((type(h).after_update, type(h).measure) != both for h in self.hooks)

    def _act(self) -> None:
        """Let the hooks act on the weights."""
        for hook in self.hooks:
            hook.after_update(self)

    def _measures(self) -> dict[str, Any]:
        """What the hooks measure."""
        return {key: value for hook in self.hooks for key, value in hook.measure(self).items()}

    def _when_updated(self, act: Callable[[], Any], wait: Callable[[], Any]) -> Any:
        """Act after an update; between the batches that one is made of there is none."""
        return ops.cond(self.optimizer.updated, act, wait) if self.accumulates else act()

    def _act_on(self, state: tuple[Any, ...]) -> tuple[dict[str, Any], tuple[Any, ...]]:
        """On JAX: what the hooks measure, and a step's state as they leave it."""
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )
        variables = [variable for group in groups for variable in group]
        values = [value for group in state for value in group]

        def act() -> list[Any]:
            mapping = list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping) as scope:
                self._act()
            return [_current(scope, v, value) for v, value in mapping]

        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            after = self._when_updated(act, lambda: values)
        with keras.StatelessScope(state_mapping=list(zip(variables, after, strict=True))):
            measures = self._measures()
        places = iter(after)
        return measures, tuple([next(places) for _ in group] for group in groups)


def stacks_of(network: keras.Model) -> list[Any]:
    """The encoder's blocks and the decoder's, those that a network's Transformer has."""
    model = getattr(network, "transformer", None)
    return [stack for stack in (model and model.blocks, model and model.decoder) if stack]


def recorded_states(network: keras.Model) -> tuple[tuple[Any, ...], ...]:
    """Of each stack the embedding and each block's output in the last pass, where recorded."""
    records = [stack.record for stack in stacks_of(network)]
    return tuple(record.states for record in records if record is not None)


def _current(scope: Any, variable: Any, value: Any) -> Any:
    updated = scope.get_current_value(variable)
    return value if updated is None else updated


@contextmanager
def _apart(network: keras.Model) -> Iterator[None]:
    """A pass whose updates of variables (seeds of dropout) are dropped.

    On JAX a value of an inner differentiation may not leave it.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    mapping = [(variable, variable.value) for variable in network.variables]
    with keras.StatelessScope(state_mapping=mapping):
        yield


@contextmanager
def _summed(losses: Iterable[keras.losses.Loss]) -> Iterator[None]:
    """Let losses be sums over their weights, not means, while a step is traced."""
    before = [(loss, loss.reduction) for loss in losses]
    try:
        for loss, _ in before:
            loss.reduction = "sum"
        yield
    finally:
        for loss, reduction in before:
            loss.reduction = reduction


def _share(weights: Any) -> Any:
    """The sum of a batch's weights, the mean over outputs where each has its own."""
    sums = [ops.sum(array) for array in keras.tree.flatten(weights)]
    return sum(sums) / len(sums)


def hooks_among(callbacks: Sequence[Any]) -> list[StepHook]:
    """The hooks among some callbacks."""
    return [callback for callback in callbacks if isinstance(callback, StepHook)]
