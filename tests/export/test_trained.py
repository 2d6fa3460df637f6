"""Tasks that have learnt: what is exported answers as they do, and writes as they do."""

import keras
import numpy as np
import pytest

import playmask
from export.sessions import greedy, padded
from pairwise import marked
from playmask.generation.facts import TARGETS
from tasks.every_task import EXAMPLES, EXPORTED, MAKE, ONE, TEXTS, same

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="exports need JAX")
QUICK = {"epochs": 20, "batch_size": 8, "learning_rate": 1e-2, "verbose": 0}
BESIDES_WEIGHTS = ("tag", "regress")
"""What these learn stands in task.json: the transitions of tags; mean and scale of numbers."""
STEPS = 6


def trained(kind):
    """A task that knows its two examples; nothing that it learns is where it was."""
    task = MAKE[kind]()
    loss = task.fit(EXAMPLES[kind] * 4, **QUICK)["loss"]
    assert loss[-1] < loss[0]
    return task


def asked(kind):
    """Texts that a task reads, those of its examples among them."""
    texts = {
        "pair": [each[:2] for each in EXAMPLES["pair"]],
        "rerank": [each[:2] for each in EXAMPLES["rerank"]],
        "read": [(each.question, each.text) for each in EXAMPLES["read"]],
        "mlm": [],
    }
    known = texts.get(kind.split()[0])
    return [*TEXTS.get(kind, ONE), *(["零一二三", "六七"] if known is None else known)]


@pytest.mark.parametrize(
    "kind", marked([(kind,) for kind in EXPORTED], [(kind,) for kind in BESIDES_WEIGHTS])
)
def test_a_trained_task_answers_as_before_its_export(kind, tmp_path):
    task = trained(kind)
    assert task.export(tmp_path).difference <= 2e-5
    if task.network.generates:
        same_writing(task, tmp_path)
        return
    answers = playmask.load_task(tmp_path).predict(asked(kind))
    same(answers, task.predict(asked(kind)))
    if isinstance(answers[0], tuple | list):  # of those that find something: they do
        assert any(map(len, answers))


def same_writing(task, folder):
    """See that a loop around the graph writes what `generate` writes with the task's model."""
    rows = [encoding.ids for encoding in task.tokenizer.encode(["零一二三", "六七"])]
    expected = playmask.generate(task.transformer, rows, max_tokens=STEPS, end=None).tokens
    tokens, valid = padded(rows)
    first = {"tokens": tokens, "valid": valid, "segments": np.zeros_like(tokens)}
    segment = int(task.transformer.architecture.order in TARGETS)
    step = {"segments": np.full((len(rows), 1), segment, "int32")}
    assert greedy(folder, first, step, STEPS) == [[*text] for [text] in expected]
