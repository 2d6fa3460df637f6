"""Low-rank adapters: what they add, that nothing else learns, and that they merge and come off."""

import keras
import numpy as np
import pytest

import playmask
from comparing import error, numpy_of, tiny, tokens
from playmask.errors import CheckpointError, ConfigError
from playmask.runtime.adapters import adapter_weights, attached
from playmask.runtime.train.rates import rates_of
from playmask.runtime.train.steps.lora import LowRankAdaptation
from playmask.runtime.train.weight_names import all_weights
from tasks.test_classify import StopAfter, new_task, reviews, same_weights, weights_of

pytestmark = pytest.mark.backends

LORA = "rank=2,alpha=6,pattern=attention/(query|value)"
STEPS = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-2, "verbose": 0}


def adapters_of(task) -> dict[str, np.ndarray]:
    pairs = task.transformer.adapters.matrices
    return {f"{path} {i}": array for path, pair in pairs.items() for i, array in enumerate(pair)}


def test_only_what_it_says_learns(tmp_path):
    task, plain = new_task(), new_task()
    inputs = {"tokens": tokens(2, 7) % 20}
    task.predict("好天")  # compiled before there are adapters
    task.fit(reviews(32), lora=LORA, **STEPS)
    learnt = task.predict(["好天", "差地"])
    assert learnt != plain.predict(["好天", "差地"])
    assert {key.split()[0] for key in adapters_of(task)} == {
        "blocks/0/attention/query",
        "blocks/0/attention/value",
    }
    assert all(np.any(array) for array in adapters_of(task).values())
    assert all(variable.trainable for variable in task.transformer.weights)
    merged = {n for n, a in weights_of(task).items() if not np.array_equal(a, weights_of(plain)[n])}
    own = {name for name in all_weights(task.network) if name.startswith("task/")}
    kernels = {f"blocks/0/attention/{name}/kernel" for name in ("query", "value")}
    assert merged == kernels | own
    folder = playmask.save_adapters(task, tmp_path / "adapters")
    whole = playmask.load_task(task.save(tmp_path / "task"))
    assert whole.predict(["好天", "差地"]) == learnt
    for other in (folder, tmp_path / "task"):
        again = playmask.load_adapters(new_task(), other)
        assert same_weights(again, task)
        bare = playmask.load_adapters(new_task().transformer, other)
        assert error(bare(inputs)["hidden"], task.transformer(inputs)["hidden"]) == 0
    playmask.remove_adapters(task)
    back, base = weights_of(task), weights_of(plain)
    assert {n for n in base if not np.array_equal(back[n], base[n])} == own
    _refusals(task, folder, tmp_path)


def test_adapters_learn_at_rates_of_their_own():
    """By their names, and by their height in the stack."""
    task = new_task()
    task.fit(reviews(32), lora=LORA, rates="query/lora_up=0;task/=2", **STEPS)
    path = "blocks/0/attention"
    moved = {name: bool(np.any(array)) for name, array in adapters_of(task).items()}
    assert not moved[f"{path}/query 1"] and moved[f"{path}/value 1"]
    hook = LowRankAdaptation(2, pattern="value")
    hook.begin(new := new_task().network)
    named = {v.path: name for name, v in adapter_weights(new.transformer).items()}
    times = rates_of(new, layer_decay=0.5, multiplier=3.0, rates="lora_down=10")
    assert {named.get(p, p): x for p, x in times.items()} == {
        f"{path}/value/lora_down": 5.0,
        f"{path}/value/lora_up": 0.5,
        **{v.path: 3.0 for n, v in all_weights(new).items() if n.startswith("task/")},
    }
    hook.end(new)
    assert not adapter_weights(new.transformer)


def _refusals(task, folder, tmp_path):
    with pytest.raises(ConfigError, match="no adapters to save"):
        playmask.save_adapters(task, tmp_path / "none")
    with pytest.raises(ConfigError, match="trained on a model of other weights"):
        playmask.load_adapters(new_task(seed=4), folder)
    playmask.load_adapters(new_task(seed=4), folder, any_base=True)
    with pytest.raises(ConfigError, match="whose max_length is 20, not 19"):
        other = new_task()
        other.settings = other.settings.change(max_length=19)
        playmask.load_adapters(other, folder)
    with pytest.raises(CheckpointError, match="which the model has not"):
        playmask.load_adapters(tiny(width=8), folder)
    with pytest.raises(CheckpointError, match="no adapters in"):
        playmask.load_adapters(task, tmp_path)
    with pytest.raises(ConfigError, match="matches 'atention'; there are blocks/…/attention/query"):
        task.fit(reviews(16), lora="8,pattern=atention", **STEPS)
    with pytest.raises(ConfigError, match="rank is 24.* 24 rows or columns"):
        task.fit(reviews(16), lora=24, **STEPS)
    assert all(variable.trainable for variable in task.transformer.weights)


def test_it_trains_beside_kernels_of_integers(tmp_path):
    task, again, plain = new_task(), new_task(), new_task()
    for each in (task, again):
        each.transformer.quantize("int8")
        each.predictor = each.make_predictor()
    before = [array.copy() for array in task.transformer.get_weights()]
    with pytest.raises(ConfigError, match="int8.*save_adapters"):
        task.fit(reviews(32), lora=LORA, directory=tmp_path, **STEPS)
    task.fit(reviews(48), lora=LORA, **STEPS)
    folder = playmask.save_adapters(task, tmp_path / "adapters")
    playmask.load_adapters(again, folder)
    inputs = {"tokens": tokens(2, 7) % 20}
    hidden = [numpy_of(each.transformer(inputs)["hidden"]) for each in (task, again)]
    assert np.array_equal(*hidden)
    base = weights_of(plain)
    playmask.load_adapters(plain, folder)  # on floats they are merged
    for path, layer in attached(task.transformer).items():
        a, b = numpy_of(layer.adapter.down.value), numpy_of(layer.adapter.up.value)
        assert np.any(b)
        merged = weights_of(plain)[f"{path}/kernel"]
        assert error(merged, base[f"{path}/kernel"] + 3.0 * a @ b) < 1e-6
    playmask.remove_adapters(task)
    assert all(map(np.array_equal, task.transformer.get_weights(), before))


@pytest.mark.backends("torch")
def test_an_interrupted_training_of_adapters_goes_on_bit_by_bit(tmp_path):
    """Weights, adapters and the base beneath them; the folder holds the whole and the adapters."""
    plan = STEPS | {"epochs": 3, "lora": LORA}
    data, checks = reviews(48), reviews(16, seed=1)
    whole, cut, resumed = (still(seed) for seed in (3, 3, 99))
    whole.fit(data, checks, directory=tmp_path / "whole", **plan)
    with pytest.raises(KeyboardInterrupt):
        cut.fit(data, checks, directory=tmp_path / "cut", callbacks=[StopAfter(1)], **plan)
    resumed.fit(data, checks, directory=tmp_path / "cut", resume=True, **plan)
    assert same_weights(resumed, whole)
    assert same_weights(playmask.load_task(tmp_path / "cut"), whole)
    pairs = adapters_of(whole)
    assert all(np.array_equal(pairs[name], array) for name, array in adapters_of(resumed).items())
    loaded = playmask.load_adapters(still(3), tmp_path / "cut")
    assert same_weights(loaded, whole)
    playmask.remove_adapters(resumed)
    assert np.array_equal(
        resumed.transformer.get_weights()[0], still(3).transformer.get_weights()[0]
    )


def still(seed: int) -> playmask.TextClassifier:
    """A task without dropout."""
    task = new_task(seed)
    a = task.transformer.architecture.change(dropout=0.0, attention_dropout=0.0)
    keras.utils.set_random_seed(seed)
    model = playmask.build(a)
    return playmask.TextClassifier.new(
        model, ["bad", "good"], tokenizer=task.tokenizer, max_length=20, dropout=0.0
    )
