"""A first step of every task: the loss of the compiled step is that of its formula, and it learns.

Where training is compiled, sizes are unknown there; the formula here is run step by step.
"""

import keras
import numpy as np
import pytest

from comparing import numpy_of
from playmask.data.annotated import Annotated, Mention
from playmask.data.events import TRIGGER, Event, Part, Report
from playmask.data.passages import PassageQuestion
from playmask.data.prompted import Prompted
from playmask.data.relations import VALUE, Related, Relation, Slot
from playmask.model.rng import Dropout
from playmask.runtime.batches import Batches
from playmask.runtime.train.weight_names import all_weights
from tasks.test_not_finite import MAKE

pytestmark = [pytest.mark.whole] * (keras.backend.backend() == "jax")
"""On JAX every task is trained until it has learnt, in a file of its own."""
FIRST, SECOND = "零一二三", "六七"
MARKED = [
    Annotated(FIRST, (Mention(0, 2, "甲"), Mention(2, 3, "乙"))),
    Annotated(SECOND, (Mention(1, 2, "乙"),)),
]
RELATED = [
    Related(FIRST, (Relation((0, 1), "甲", (Slot(VALUE, 2, 4),)),)),
    Related(SECOND, (Relation((1, 2), "乙", (Slot(VALUE, 0, 1),)),)),
]
EVENTS = [
    Report(FIRST, (Event("甲", (Part(0, 1, TRIGGER), Part(2, 3, "乙"))),)),
    Report(SECOND, (Event("甲", (Part(0, 1, "乙"), Part(1, 2, TRIGGER))),)),
]
ASKED = [
    PassageQuestion("零", FIRST, ("一二",), ((1, 3),), "1"),
    PassageQuestion("六", SECOND, ("七",), ((1, 2),), "2"),
]
PAIRS, SCORED = [("零一", "一零"), ("二三四", "四三")], [("零一", "一", 1.0), ("二三四", "五", 3.0)]
DATA = {
    "classify": [(FIRST, "甲"), (SECOND, "乙")],
    "classify multiple": [(FIRST, ["甲"]), (SECOND, ["甲", "乙"])],
    "regress": [(FIRST, 1.0), (SECOND, 2.0)],
    "pattern": [(FIRST, "bad"), (SECOND, "good")],
    "similar": PAIRS,
    "pair": SCORED,
    "tag": MARKED,
    "tag softmax": MARKED,
    "span": MARKED,
    "relate": RELATED,
    "relate casrel": RELATED,
    "event": EVENTS,
    "event tags": EVENTS,
    "uie": [Prompted(FIRST, "甲", ((0, 2),)), Prompted(SECOND, "甲", ())],
    "read": ASKED,
    "read mask-fill": ASKED,
    "read-seq2seq": ASKED,
    "lm": [FIRST, SECOND],
    "seq2seq": PAIRS,
    "mlm": [FIRST, SECOND],
}
"""Two texts of different lengths for each task that learns."""


def test_every_task_that_learns_is_among_them():
    assert MAKE.keys() - DATA.keys() == {"rerank"}  # read as published, and never trained


LIKE = {
    "classify": "test_classify",
    "regress": "test_regress",
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
        for kind in DATA
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
    history = task.fit(DATA[kind] * 2, learning_rate=1e-6, **once)
    after = {name: numpy_of(v.value) for name, v in all_weights(task.network).items()}
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    own = {name for name in before if name.startswith("task/")}
    own -= {"task/ends/bias"}  # of which a softmax takes no notice
    assert own | {"blocks/0/attention/value/kernel"} <= moved
    inputs, targets, weights = batches[-1]
    outputs = task.network(inputs, training=True)
    loss = float(numpy_of(task.network.task_loss(targets, outputs, weights)))
    assert history["loss"][0] == pytest.approx(loss, rel=1e-3)
