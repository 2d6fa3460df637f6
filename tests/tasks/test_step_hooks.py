"""The open training step: what a hook sees, what it adds, and what it does after the update."""

import keras
import numpy as np
import pytest
from keras import ops

import playmask
from comparing import numpy_of
from playmask.errors import ConfigError
from playmask.runtime.train.hooks import Step, StepHook
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.steps.fgm import FastGradientMethod
from tasks.test_classify import new_task, reviews, same_weights

pytestmark = pytest.mark.backends

STEPS = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-2, "verbose": 0}


def trained(*hooks: StepHook, **options):
    task = new_task(dropout=0.0)
    history = task.fit(reviews(32), callbacks=hooks, **{**STEPS, **options})
    return task, history


class Twice(StepHook):
    """Adds the loss of a second pass."""

    def add_loss(self, step: Step):
        return step.loss_of(step.forward())


class Small(StepHook):
    """Adds what makes the head's kernel small."""

    def add_loss(self, step: Step):
        return 10.0 * ops.sum(ops.square(step.network.dense.kernel.value))


class Nothing(StepHook):
    """Joins, and does nothing."""


class Clear(StepHook):
    """Clears the head's bias after each update."""

    def after_update(self, network):
        network.dense.bias.assign(ops.zeros(network.dense.bias.shape))


@pytest.mark.backends("torch")
def test_a_hook_that_does_nothing_changes_nothing():
    plain, _ = trained()
    other, _ = trained(Nothing())
    assert same_weights(plain, other)
    assert other.network.hooks == ()


@pytest.mark.backends("tensorflow")
def test_what_a_hook_adds_is_in_the_loss_and_in_the_gradient():
    plain, alone = trained(learning_rate=1e-6)
    _, both = trained(Twice(), learning_rate=1e-6)
    assert both["loss"][0] == pytest.approx(2 * alone["loss"][0], rel=0.05)
    small, _ = trained(Small(), epochs=10)
    norms = [np.linalg.norm(numpy_of(task.network.dense.kernel.value)) for task in (plain, small)]
    assert norms[1] < 0.8 * norms[0]


@pytest.mark.backends("tensorflow")
def test_it_acts_on_the_weights_after_the_update():
    plain, _ = trained()
    other, _ = trained(Clear())
    assert np.any(numpy_of(plain.network.dense.bias.value))
    assert not np.any(numpy_of(other.network.dense.bias.value))


def test_the_fast_gradient_method_raises_the_loss_that_is_learnt():
    """The worst move of a length costs more than none, and more than the same move turned back."""
    losses = {}

    class Compare(StepHook):
        replays = True

        def __init__(self, epsilon):
            super().__init__()
            self.epsilon = epsilon

        def add_loss(self, step: Step):
            gradient = step.gradient_of_embeddings()
            assert tuple(gradient.shape) == tuple(step.zero_embeddings().shape)
            length = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2), keepdims=True))
            move = self.epsilon * gradient / length
            return step.loss_of(step.forward(extra=move)) - step.loss

    still = {"learning_rate": 1e-7, "batch_size": 32}  # one step, so that all draw the same dropout
    _, alone = trained(**still)
    for epsilon in (0.3, -0.3):
        _, moved = trained(Compare(epsilon), **still)
        losses[epsilon] = moved["loss"][0]
    assert losses[0.3] > alone["loss"][0] > losses[-0.3]
    _, both = trained(FastGradientMethod(0.3), **still)
    assert both["loss"][0] == pytest.approx(alone["loss"][0] + losses[0.3], rel=1e-4)


@pytest.mark.backends("torch")
def test_it_learns_with_the_fast_gradient_method():
    task = new_task()
    task.fit(reviews(320), callbacks=[FastGradientMethod(0.1)], **{**STEPS, "epochs": 4})
    assert task.evaluate(reviews(48, seed=1))["accuracy"] > 0.8


def test_a_length_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="above 0, not 0"):
        FastGradientMethod(0)


def test_one_value_holds_the_options_and_is_saved(tmp_path):
    options = TrainingOptions(epochs=1, batch_size=16, learning_rate=1e-2)
    task = new_task()
    task.fit(reviews(32), options=options, seed=5, verbose=0)
    assert task.training == options.change(seed=5)
    task.save(tmp_path)
    assert playmask.load_task(tmp_path).training == task.training
    assert TrainingOptions(epochs=np.int64(2), clip=np.float32(0.5)).change(seed=np.int32(1)) == (
        TrainingOptions(epochs=2, clip=0.5, seed=1)
    )
    with pytest.raises(ConfigError, match="no option 'epoch'. Did you mean 'epochs'"):
        task.fit(reviews(32), epoch=3)
    with pytest.raises(ConfigError, match="epochs is from 1, not 0"):
        TrainingOptions(epochs=0)
    with pytest.raises(ConfigError, match="int is due"):
        TrainingOptions(epochs="3")


def test_a_network_of_other_steps_refuses_hooks():
    task = new_task()

    class Other(keras.Model):
        """A network of one's own that is no TaskNetwork."""

        def __init__(self, network):
            super().__init__()
            self.transformer, self.takes = network.transformer, network.takes
            self.built = True

        def call(self, inputs):
            return self.transformer(inputs)

    task.network = Other(task.network)
    with pytest.raises(ConfigError, match="Nothing joins the steps of a TaskNetwork"):
        task.fit(reviews(16), callbacks=[Nothing()], **STEPS)


class Counting(StepHook):
    """Counts the steps in a variable of its own."""

    def begin(self, network):
        self.count = network.hook_variables.add("count", np.zeros((), "int32"))

    def after_update(self, network):
        self.count.assign(self.count + 1)


def test_what_a_hook_remembers_is_in_the_state_of_a_step_but_no_weight():
    hook = Counting()
    task, _ = trained(hook)
    assert int(numpy_of(hook.count.value)) == 4  # 32 texts, 16 a step, 2 epochs
    assert len(task.network.get_weights()) == len(new_task().network.get_weights())
    assert not task.network.hook_variables.variables


@pytest.mark.backends("torch")
def test_a_method_is_named_by_a_specification():
    named, _ = trained(adversarial="fgm:0.5")
    passed, _ = trained(FastGradientMethod(0.5))
    assert same_weights(named, passed)
    assert not same_weights(named, trained(adversarial="fgm")[0])


@pytest.mark.parametrize(
    ("specification", "sentence"),
    [
        ("fgn", "no adversarial 'fgn'.*Did you mean 'fgm'"),
        ("fgm:much", "epsilon is 'much'; float is due"),
        ("fgm:1,text,2", "takes epsilon, of; '1,text,2' came"),
        ("fgm:epsilom=1", "no 'epsilom'.*Did you mean 'epsilon'"),
        ("fgm:1,epsilon=2", "epsilon came twice"),
        ("fgm:-1", "above 0"),
    ],
)
def test_a_wrong_specification_is_refused_at_once(specification, sentence):
    with pytest.raises(ConfigError, match=sentence):
        TrainingOptions(adversarial=specification)
