"""Optimizers and schedules against plain numpy: names, objects, rates, decay, rows, freezing."""

import keras
import numpy as np
import pytest
from keras import ops

from comparing import numpy_of
from playmask.errors import ConfigError
from playmask.runtime.train.methods import method_of
from playmask.runtime.train.optimizers.named import (
    Named,
    Rate,
    make_optimizer,
    named,
    specification_of,
)
from playmask.runtime.train.optimizers.per_weight import EQUAL, Rules
from playmask.runtime.train.optimizers.tiger import Tiger
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.rates import rates_of
from playmask.runtime.train.weight_names import all_weights, levels, matches
from tasks.test_classify import new_task

pytestmark = pytest.mark.backends

STEPS = 3


def network():
    """A table of 5 rows, a kernel and a bias."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Embedding(5, 3, name="table"), keras.layers.Dense(2, name="dense")]
    model = keras.Sequential(layers, name="model")
    model.build((None, 4))
    return model


def gradients(weights, seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=w.shape).astype("float32") for w in weights]


def moved(specification, rules=EQUAL, *, steps=STEPS, mask=None, **rate):
    """The weights before, and after some steps; mask: of the table's gradient, by rows."""
    model = network()
    rate = {"rate": 0.1, "weight_decay": 0.0, "clip": None, **rate}
    optimizer = make_optimizer(model, Rate(**rate), specification, rules)
    before = [numpy_of(v.value).copy() for v in model.trainable_variables]
    for step in range(steps):
        grads = gradients(before, seed=step)
        if mask is not None:
            grads[0] *= np.array(mask[step], "float32")[:, None]
        optimizer.apply([ops.convert_to_tensor(g) for g in grads], model.trainable_variables)
    return before, [numpy_of(v.value) for v in model.trainable_variables], model


def paths(model):
    return [v.path for v in model.trainable_variables]


@pytest.mark.parametrize("relative", [False, True])
def test_tiger(relative):
    """m = β m + (1-β) g; θ -= η (sign(m) + λ θ), none of the decay on biases."""
    text = f"tiger:relative={str(relative).lower()}"
    before, after, _ = moved(text, weight_decay=0.5)
    for index, (weight, result) in enumerate(zip(before, after, strict=True)):
        momentum = np.zeros_like(weight)
        for step in range(STEPS):
            momentum = 0.965 * momentum + 0.035 * gradients(before, seed=step)[index]
            scale = 1.0
            if relative:
                rows = {"axis": -1, "keepdims": True} if index == 0 else {}
                scale = np.sqrt(np.mean(weight**2, **rows)) if weight.ndim > 1 else 0.5
            decay = 0.5 if weight.ndim > 1 else 0.0
            weight = weight - 0.1 * scale * (np.sign(momentum) + decay * weight)
        assert np.allclose(result, weight, atol=1e-6)


def test_schedule_free_adamw():
    """Gradients at y = (1-β) z + β x, x the mean of all z, the decay in z's step."""
    before, after, _ = moved("schedule_free_adamw:beta_1=0.8", weight_decay=0.5)
    for index, (weight, result) in enumerate(zip(before, after, strict=True)):
        z, x, y, velocity = weight, weight, weight, 0.0
        for step in range(1, STEPS + 1):
            gradient = gradients(before, seed=step - 1)[index]
            velocity = 0.999 * velocity + 0.001 * gradient**2
            move = gradient / (np.sqrt(velocity / (1 - 0.999**step)) + 1e-8)
            z = z - 0.1 * (move + (0.5 if weight.ndim > 1 else 0.0) * y)
            x = (1 - 1 / step) * x + z / step
            y = 0.2 * z + 0.8 * x
        assert np.allclose(result, y, atol=1e-5)


@pytest.mark.parametrize("name", sorted(named()))
def test_every_optimizer_has_rates_and_decay_by_weight(name):
    """A weight at a third of the rate moves as one whose optimizer has a third of the rate."""
    rate = {"rate": keras.optimizers.schedules.ExponentialDecay(0.03, 1, 0.5), "weight_decay": 0.1}
    third = {"rate": keras.optimizers.schedules.ExponentialDecay(0.01, 1, 0.5), "weight_decay": 0.1}
    model_paths = paths(network())
    _, full, _ = moved(name, **rate)
    _, low, _ = moved(name, **third)
    before, mixed, _ = moved(name, Rules({model_paths[1]: 1 / 3}), **rate)
    assert np.allclose(mixed[0], full[0], atol=1e-6) and np.allclose(mixed[2], full[2], atol=1e-6)
    assert np.allclose(mixed[1], low[1], rtol=1e-4, atol=2e-6)
    assert not np.allclose(mixed[1], full[1], atol=1e-5) and not np.allclose(before[1], low[1])


def test_decay_leaves_biases_alone_with_every_optimizer():
    """Without gradients only the decay moves anything, at the rate of the weight."""
    for name in ("sgd", "lion", "muon", "adamw"):
        model = network()
        rules = Rules({paths(model)[1]: 0.5})
        optimizer = make_optimizer(model, Rate(0.1, 0.1, None), name, rules)
        model.trainable_variables[2].assign([1.0, 2.0])
        before = [numpy_of(v.value).copy() for v in model.trainable_variables]
        optimizer.apply([ops.zeros(x.shape) for x in before], model.trainable_variables)
        for variable, old, part in zip(
            model.trainable_variables, before, (0.99, 0.995, 1.0), strict=True
        ):
            assert np.allclose(numpy_of(variable.value), old * part, atol=1e-6), (name, part)


MASK = [[1, 0, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 1, 0, 1]]


@pytest.mark.parametrize("name", ["sgd:momentum=0.9", "adamw", "lion"])
def test_lazy_rows(name):
    """A row's weights and moments move in the steps alone in which it has a gradient."""
    rules = Rules(tables=frozenset([paths(network())[0]]))
    _, result, _ = moved(name, rules, mask=MASK, weight_decay=0.1)
    before, plain, _ = moved(name, mask=MASK, weight_decay=0.1)
    assert np.array_equal(result[0][3], before[0][3])  # never there
    assert not np.array_equal(plain[0][3], before[0][3])  # the decay
    assert not np.allclose(plain[0][1], result[0][1], atol=1e-5)
    assert np.allclose(plain[1], result[1], atol=1e-7)  # other weights as ever
    if name == "sgd:momentum=0.9":  # whose steps depend on no count
        for row in range(5):
            weight, momentum = before[0][row], np.zeros(3)
            for step in (step for step in range(STEPS) if MASK[step][row]):
                momentum = 0.9 * momentum - 0.1 * gradients(before, seed=step)[0][row]
                weight = weight * (1 - 0.1 * 0.1) + momentum
            assert np.allclose(result[0][row], weight, atol=1e-6), row
    with pytest.raises(ConfigError, match="Adafactor keeps some that are of no row"):
        moved("adafactor", rules)


def test_schedules():
    def rates(specification, steps, warm_up, at):
        schedule = method_of("schedule", specification).build(2.0, steps, warm_up)
        return [float(schedule(step)) for step in at]

    at = (0, 5, 10, 15, 20, 99)
    assert np.allclose(rates("linear", 20, 0.5, at), [0, 1, 2, 1, 0, 0])
    assert np.allclose(rates("linear", 20, 0.0, at), [2, 1.5, 1, 0.5, 0, 0])
    assert np.allclose(rates("linear", 1, 0.0, (0, 1)), [2, 0])
    assert np.allclose(rates("linear:0.5", 20, 0.5, at), [0, 1, 2, 1.5, 1, 1])
    assert np.allclose(rates("constant", 20, 0.5, at), [0, 1, 2, 2, 2, 2])
    assert np.allclose(rates("constant", 20, 0.0, at), 2.0)
    cosine = [0, 1, 2, 2 * (0.1 + 0.9 * 0.5), 0.2, 0.2]
    assert np.allclose(rates("cosine:0.1", 20, 0.5, at), cosine, atol=1e-6)
    assert np.allclose(rates("cosine", 20, 0.0, (0, 10, 20)), [2, 1, 0], atol=1e-6)
    assert np.allclose(rates("piecewise:0=0,0.5=1,1=0.5", 20, 0.0, at), [0, 1, 2, 1.5, 1, 1])
    assert np.allclose(rates("piecewise:5=1,15=0", 99, 0.0, at), [2, 2, 1, 0, 0, 0])


def test_levels_and_layer_decay():
    model = new_task().network
    weights = all_weights(model)
    times = rates_of(model, layer_decay=0.5, multiplier=3.0, rates="tokens=10;bias$=0.5")
    depth = 1 + max(levels(weights).values()) - 2
    factor = {name: times.get(v.path, 1.0) for name, v in weights.items()}
    assert factor["embeddings/tokens/embeddings"] == 10 * 0.5 ** (depth + 1)
    assert factor["blocks/0/attention/query/kernel"] == 0.5**depth
    assert factor[f"blocks/{depth - 1}/feedforward/outer/kernel"] == 0.5
    assert factor["task/labels/kernel"] == 3.0 and factor["task/labels/bias"] == 1.5
    names = ("embeddings/x", "decoder_embeddings/x", "blocks/buckets/x", "blocks/1/x",
             "blocks/norm/gamma", "decoder/0/x", "decoder/norm/gamma", "mlm/bias")  # fmt: skip
    assert [*levels(names).values()] == [0, 0, 1, 2, 2, 3, 3, 4]


def test_patterns():
    names = ["embeddings/tokens/embeddings", "blocks/0/query/kernel", "blocks/1/query/kernel"]
    assert matches("freeze", "embeddings|blocks/[0|5]/", names) == names[:2]
    assert matches("freeze", "(query|key)/kernel", names) == names[1:]
    with pytest.raises(ConfigError, match=r"no weight has 'block/1' .* Did you mean 'blocks/1'"):
        matches("freeze", "embeddings|block/1", names)
    with pytest.raises(ConfigError, match="no regular expression"):
        matches("freeze", "blocks/[0", names)
    for text in ("tokens", "tokens=-1", "=3", "tokens=much"):
        with pytest.raises(ConfigError, match="pattern=number is due"):
            rates_of(new_task().network, rates=text)


def test_specifications():
    cls, arguments, whole = Named.of_specification("optimizer", "schedule_free_adamw:beta_1=0.8")
    assert issubclass(cls, keras.optimizers.ScheduleFreeAdamW) and not whole
    assert arguments == {"beta_1": 0.8}
    written = specification_of(keras.optimizers.Lion(3e-4, beta_2=0.5, weight_decay=0.2))
    cls, arguments, whole = Named.of_specification("optimizer", written)
    assert cls.__name__ == "Lion" and whole
    assert arguments["beta_2"] == 0.5 and arguments["learning_rate"] == pytest.approx(3e-4)
    assert type(make_optimizer(network(), Rate(1.0), written)).__name__ == "Lion"
    own = specification_of(Tiger(keras.optimizers.schedules.CosineDecay(0.1, 9), beta=0.5))
    assert make_optimizer(network(), Rate(1.0), own).beta == 0.5
    for text, message in {
        "adamx": "no optimizer 'adamx'. Did you mean 'adam",
        "lion:beta=0.9": "is no new key=value. Did you mean 'beta_",
        "lion:beta_1": "is no new key=value",
        "lion:beta_1=high": "beta_1 is 'high'; 0.9 is the default",
        "lion:learning_rate=1": "learning_rate is said by the option learning_rate",
        "lion:use_ema=true": "use_ema is said by the option ema",
        '{"class_name": "Mine", "config": {}}': "Keras cannot make the optimizer",
    }.items():
        with pytest.raises(ConfigError, match=message):
            TrainingOptions(optimizer=text)
    with pytest.raises(ConfigError, match="beta_1"):  # Keras' own complaint
        make_optimizer(network(), Rate(1.0), "lion:beta_1=2")
    for schedule in ("linear:2", "piecewise:1", "piecewise:0=1,0=2", "cosin"):
        with pytest.raises(ConfigError, match="schedule"):
            TrainingOptions(schedule=schedule)
    holder = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    with pytest.raises(ConfigError, match="holds other optimizers"):
        TrainingOptions(optimizer=holder)
    choosy = keras.optimizers.AdamW()
    choosy.exclude_from_weight_decay(var_names=["bias"])
    with pytest.raises(ConfigError, match="of its own choice"):
        TrainingOptions(optimizer=choosy)
