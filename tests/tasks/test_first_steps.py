"""A first step of every task: the loss of the compiled step is that of its formula, and it learns.

Where training is compiled, sizes are unknown there; the formula here is run step by step.
"""

import keras
import numpy as np
import pytest

from comparing import numpy_of
from playmask.model.dropout import Dropout
from playmask.runtime.batches import Batches
from playmask.runtime.train.weight_names import all_weights
from tasks.every_task import EXAMPLES, MAKE

pytestmark = [pytest.mark.whole] * (keras.backend.backend() == "jax")
"""On JAX every task is trained until it has learnt, in a file of its own."""


def test_every_task_is_among_them():
    assert MAKE.keys() == EXAMPLES.keys()


LIKE = {
    "classify": "test_classify",
    "regress": "test_regress",
    "rerank": "pair",
    "similar": "test_similar",
    "tag": "test_mentions",
    "tag softmax": "tag",
    "event": "relate",
    "event tags": "tag",
    "read-seq2seq": "seq2seq",
    "seq2seq": "test_seq2seq",
    "lm": "pretraining/test_objectives",
    "mlm": "pretraining/test_objectives",
}
"""What is trained on TensorFlow as another is, or until it has learnt."""


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            kind, marks=pytest.mark.backends("torch", *["tensorflow"] * (kind not in LIKE))
        )
        for kind in EXAMPLES
    ],
)
def test_the_compiled_step_computes_the_loss_and_moves_the_head(kind, monkeypatch):
    task, batches = MAKE[kind](), []
    for layer in task.network._flatten_layers():
        if isinstance(layer, (Dropout, keras.layers.Dropout)):
            layer.rate = 0.0
    take = Batches.__getitem__

    def taken(self, index):
        batches.append(take(self, index))
        return batches[-1]

    monkeypatch.setattr(Batches, "__getitem__", taken)
    before = {name: numpy_of(v.value).copy() for name, v in all_weights(task.network).items()}
    once = {"epochs": 1, "batch_size": 4, "schedule": "constant", "warm_up": 0.0, "verbose": 0}
    history = task.fit(EXAMPLES[kind] * 2, learning_rate=1e-6, **once)
    after = {name: numpy_of(v.value) for name, v in all_weights(task.network).items()}
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    own = {name for name in before if name.startswith("task/")}
    own -= {"task/ends/bias"}  # of which a softmax takes no notice
    assert own | {"blocks/0/attention/value/kernel"} <= moved
    inputs, targets, weights = batches[-1]
    outputs = task.network(inputs, training=True)
    loss = float(numpy_of(task.network.task_loss(targets, outputs, weights)))
    assert history["loss"][0] == pytest.approx(loss, rel=1e-3)
