"""An open training step: what joins it sees the batch, adds to the loss, acts after the update."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.runtime.access import writing
from playmask.runtime.train.hook_variables import HookVariables
from playmask.runtime.train.passes import (
    Values,
    differentiated,
    draws_of,
    in_place,
    zeros_to_differentiate_by,
)
from playmask.runtime.train.stacks import recorded_states
from playmask.runtime.train.step import NUMBER, Learnt, Tensors, of_hooks, share_of, texts_in
from playmask.runtime.train.step import Step as Step


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
    adapts: ClassVar[bool] = False  # it changes which weights learn, so it begins before others
    differentiates: ClassVar[bool] = False  # it takes `step.gradients`
    replays: ClassVar[bool] = False  # it takes gradients with the dropout of the step's own pass
    replaces: ClassVar[bool] = False  # what it adds takes the place of the loss itself
    compares: ClassVar[bool] = False  # it needs to know how two outputs of the task diverge
    takes_unlabelled: ClassVar[bool] = False  # it learns from texts without labels too
    numbers: ClassVar[bool] = False  # it needs each example's number

    def begin(self, network: "OpenStep") -> None:
        """Prepare a network that is trained next, before it is compiled.

        What the method remembers from step to step are variables of `network.hook_variables`.
        """

    def end(self, network: "OpenStep") -> None:
        """Undo what `begin` did, also where it failed; the best weights are in the network."""

    def check(self, network: "OpenStep") -> None:
        """Refuse a network, compiled by now, that the method does not serve; raises ConfigError."""

    def add_loss(self, step: Step) -> Any | None:
        """A scalar that is added to the loss of a step, differentiated with it; None: nothing."""
        return None

    def after_update(self, network: keras.Model) -> None:
        """Act on the weights after the optimizer has updated them, inside the compiled step."""

    def measure(self, network: keras.Model) -> Mapping[str, Any]:
        """Scalars that join the logs of a step, measured after the update, inside of the step."""
        return {}


class _StepState:
    """What one call of a step leaves for the next; Keras does not look into it.

    beside: the hooks' inputs; draws: the seeds before the step's own pass; probe: what it adds to
    the embeddings; outputs: on JAX, of the pass that takes its place
    """

    beside: Mapping[str, Any] = {}
    draws: Sequence[tuple[keras.Variable, Any]] = ()
    probe: Any = None
    outputs: Any = None


class OpenStep(keras.Model):
    """A model whose training step hooks may join; with none it is Keras' own."""

    hooks: Sequence[StepHook] = ()
    learnt: Mapping[str, Learnt] = {}
    batches: Any = None
    updates = updates_of_epoch = 1  # of the training that runs
    accumulates = False  # whether batches are parts of larger ones, see `accumulation.py`
    teacher: Any = None  # gives what methods of `fit(teacher=…)` learn from
    transformer: Any

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.hook_variables = HookVariables()
        self.step_state = _StepState()

    def join(self, hooks: Sequence[StepHook], batches: Any = None) -> None:
        """Let hooks take part in the steps of the next training, in place of others before.

        batches: what is trained on
        """
        if len(replacing := [hook for hook in hooks if hook.replaces]) > 1:
            names = " and ".join(type(hook).__name__ for hook in replacing)
            raise ConfigError(f"{names} each take the loss' place; choose one of them.")
        hooks = (*sorted(hooks, key=lambda hook: not hook.adapts),)
        self.hook_variables.clear()
        self.hooks, self.step_state, self.batches = hooks, _StepState(), batches
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

    def check(self) -> None:
        """See that each hook serves the network, which is compiled by now; raises ConfigError."""
        coarse = self.transformer.compute_dtype == "float16"
        for hook in self.hooks:
            silent = [name for name, learnt in self.learnt.items() if learnt.divergence is None]
            if hook.compares and (silent or not self.learnt):
                what = f"the output {silent[0]!r}" if silent else "the outputs"
                raise ConfigError(
                    f"{type(hook).__name__} compares two outputs of a task, but nothing says how "
                    f"far two of {what} are apart; give Objective(divergences={{…}})."
                )
            if coarse and (hook.differentiates or hook.replays):
                raise ConfigError(
                    f"{type(hook).__name__} needs gradients for which float16 is too coarse; take "
                    "precision='bfloat16'."
                )
            hook.check(self)

    def fit(self, *arguments: Any, **options: Any) -> Any:
        """Keras' fit, which has the weights alone: other threads are refused meanwhile."""
        with writing(self, lasts=True):
            return super().fit(*arguments, **options)

    def embedding_shape(self, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
        """The shape of the embeddings of some inputs: (B, T, E)."""
        return (*ops.shape(inputs["tokens"]), self.transformer.architecture.embedding_size_)

    def task_loss(self, targets: Any, outputs: Tensors, weights: Any) -> Any:
        """The losses of outputs, as they were compiled, but noted nowhere: a scalar."""
        total = 0.0
        with self._reducing():
            for name, learnt in self.learnt.items():
                target, weight = (x[name] if isinstance(x, dict) else x for x in (targets, weights))
                loss = learnt.loss(target, outputs[name], sample_weight=weight)
                total = total + learnt.weight * loss
        return self._mean(total, weights)

    @contextmanager
    def _reducing(self) -> Iterator[None]:
        """Where batches are parts of larger ones, let losses be sums over their weights."""
        losses = [learnt.loss for learnt in self.learnt.values()] if self.accumulates else []
        before = [(loss, loss.reduction) for loss in losses]
        try:
            for loss, _ in before:
                loss.reduction = "sum"
            yield
        finally:
            for loss, reduction in before:
                loss.reduction = reduction

    def _mean(self, loss: Any, weights: Any) -> Any:
        """A loss that `_reducing` has made a sum, as the mean over the batch."""
        return ops.divide_no_nan(loss, share_of(weights)) if self.accumulates else loss

    def __call__(self, inputs: Any, *arguments: Any, **options: Any) -> Any:
        """Run the network on its own inputs, without the hooks'."""
        if isinstance(inputs, dict):
            inputs = {name: x for name, x in inputs.items() if not of_hooks(name)}
        return super().__call__(inputs, *arguments, **options)

    def _differentiates(self, inputs: Mapping[str, Any]) -> bool:
        """Whether a step's loss is differentiated at once.

        Not in float16, whose gradients are nothing without the scale that the optimizer gives the
        loss, nor where TensorFlow runs step by step and forgets what it has computed.
        """
        if keras.backend.backend() == "tensorflow" and self.run_eagerly:
            return False
        plain = "tokens" in inputs and "extra" not in inputs
        half = self.transformer.compute_dtype == "float16"
        return plain and not half and any(hook.differentiates for hook in self.hooks)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The compiled losses, and in training what the hooks add; Keras calls it in each step.

        Raises: ConfigError where an output that is learnt is missing
        """
        if not training or not (self.hooks or self.accumulates):
            return super().compute_loss(x, y, self._learnt_of(y_pred), sample_weight, training)
        step, outputs = self._open(x, y, y_pred, sample_weight)
        with self._reducing():
            learnt = self._learnt_of(outputs)
            loss = super().compute_loss(x, y, learnt, sample_weight, training)
        loss = self._mean(loss, sample_weight) if step.loss is None else step.loss
        step = step._replace(loss=loss)
        added = [hook.add_loss(step) for hook in self.hooks]
        total = 0.0 if any(hook.replaces for hook in self.hooks) else loss
        for extra in added:
            total = total if extra is None else total + extra
        return total * share_of(sample_weight) if self.accumulates else total

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The compiled metrics, of the outputs that are learnt; Keras calls it in each step."""
        return super().compute_metrics(x, y, self._learnt_of(y_pred), sample_weight)

    def _learnt_of(self, outputs: Any) -> Any:
        """The outputs that losses are compiled for; a network may give others beside them."""
        if not self.learnt or not isinstance(outputs, dict):
            return outputs
        if missing := sorted(self.learnt.keys() - outputs.keys()):
            raise ConfigError(
                f"The task learns {missing[0]!r}, but the network's outputs are "
                f"{', '.join(sorted(outputs))}."
            )
        return {name: outputs[name] for name in self.learnt}

    def _note(self, inputs: Mapping[str, Any], state: Sequence[Any]) -> Tensors:
        """The network's own inputs for the step's first pass; the rest is noted for the hooks.

        state: on JAX the values of the trainable variables, of the others, and so on
        """
        note = self.step_state = _StepState()
        note.beside = {name: x for name, x in inputs.items() if of_hooks(name)}
        own = {name: x for name, x in inputs.items() if not of_hooks(name)}
        if any(hook.replays or hook.differentiates for hook in self.hooks):
            note.draws = draws_of(self, state[1] if state else None)
        if self._differentiates(own):
            note.probe = zeros_to_differentiate_by(self.embedding_shape(own))
            return {**own, "extra": note.probe}
        return own

    def _open(self, x: Any, targets: Any, outputs: Any, weights: Any) -> tuple[Step, Any]:
        """What hooks see of a step, and what its metrics are of."""
        note, x = self.step_state, {**x}
        if note.probe is not None:
            del x["extra"]
        step = Step(self, x, targets, weights, outputs, None, recorded_states(self), note.draws)
        step = step._replace(numbers=note.beside.get(NUMBER), unlabelled=texts_in(note.beside))
        if note.probe is None:
            return step, outputs

        def answer(extra: Any, values: Values) -> tuple[Any, Any]:
            with in_place(self, [*note.draws, *values]):
                answers = step.forward(extra=extra)
                return step.loss_of(answers), answers

        first = step.loss_of(outputs), outputs
        loss, gradients = differentiated(self, answer, note.probe, first)
        note.outputs = gradients.outputs
        return step._replace(loss=loss, gradients=gradients), gradients.outputs

    def compute_loss_and_updates(self, *arguments: Any, **options: Any) -> Any:
        """On JAX, Keras' loss with what else a step gives: metrics are of the pass that counts."""
        loss, (unscaled, outputs, *updates) = super().compute_loss_and_updates(
            *arguments, **options
        )
        counting, self.step_state.outputs = self.step_state.outputs, None
        return loss, (unscaled, outputs if counting is None else counting, *updates)

    def train_step(self, *arguments: Any) -> Any:
        """Keras' step, then what the hooks do and measure after the update."""
        if not self.hooks:
            return super().train_step(*arguments)
        *before, data = arguments
        x, *rest = keras.utils.unpack_x_y_sample_weight(data)
        x = self._note(x, before[0] if before else ()) if isinstance(x, dict) else x
        result = super().train_step(*before, (x, *rest))
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


def _current(scope: Any, variable: Any, value: Any) -> Any:
    updated = scope.get_current_value(variable)
    return value if updated is None else updated


def hooks_among(callbacks: Sequence[Any]) -> list[StepHook]:
    """The hooks among some callbacks."""
    return [callback for callback in callbacks if isinstance(callback, StepHook)]
