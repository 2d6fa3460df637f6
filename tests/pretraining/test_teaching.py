"""A pretraining with a teacher: another model that reads the same packed rows."""

import keras
import numpy as np
import pytest

import playmask
from comparing import numpy_of
from playmask.errors import ConfigError
from playmask.model.block import Record
from playmask.pretraining.network import apart, numbered
from pretraining.pretrainings import DOCUMENTS, WORDS, batches_of, pretraining
from tasks.made_up import model

STILL = {"epochs": 1, "batch_size": 4, "learning_rate": 1e-9, "weight_decay": 0.0, "verbose": 0}
QUICK = {"epochs": 8, "batch_size": 8, "learning_rate": 1e-2, "verbose": 0}


def teacher_model(heads=(), words=WORDS, **changes):
    architecture = model(words, depth=2, **changes).architecture
    keras.utils.set_random_seed(9)
    built = playmask.build(architecture, heads)
    built.tokenizer = words
    return built


def states_of(transformer, inputs):
    """The embeddings and each block's output, for packed rows."""
    transformer.blocks.record = Record()
    own = {name: x for name, x in inputs.items() if name != "read"}
    transformer(apart(numbered(own, transformer.architecture)))
    states = [numpy_of(each) for each in transformer.blocks.record.states]
    transformer.blocks.record = None
    return states


@pytest.mark.backends
def test_the_loss_is_the_distance_of_the_states_of_the_same_rows():
    """Of one step: the student's block against the teacher's last, and the embeddings."""
    teacher, task = teacher_model(), pretraining("mlm", max_length=16, epoch_steps=1)
    inputs, _, weights = batches_of(task, DOCUMENTS, 4)[0]
    student, other = states_of(task.transformer, inputs), states_of(teacher, inputs)
    valid, shares = inputs["valid"], weights.sum(axis=1) / weights.sum()
    distances = [
        (np.square(t - s).mean(axis=2) * valid).sum(axis=1) / valid.sum(axis=1)
        for s, t in ((student[0], other[0]), (student[1], other[2]))
    ]
    expected = ((0.5 * distances[0] + 2 * distances[1]) * shares).sum()
    named = "logits=0,targets=0,hidden=2,embeddings=0.5"
    history = task.fit(DOCUMENTS, teacher=teacher, distil=named, **STILL)
    np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-5)
    assert task.network.teacher is None


def test_a_student_comes_nearer_by_states_and_by_logits(tmp_path):
    teacher = teacher_model(("mlm",))
    before = [weight.copy() for weight in teacher.get_weights()]
    path = playmask.save(teacher, tmp_path / "teacher", tokenizer=WORDS)
    for named, source in (("logits=0,targets=0,hidden=1", teacher), ("targets=0", str(path))):
        task = pretraining("mlm")
        history = task.fit(DOCUMENTS, teacher=source, distil=named, **QUICK)
        assert history["loss"][-1] < 0.8 * history["loss"][0], (named, history["loss"])
    assert all(map(np.array_equal, before, teacher.get_weights()))


def test_what_cannot_teach_is_refused(tmp_path):
    words = playmask.Tokenizer.from_texts(["别的词"] * 2, size=20, minimum=1)
    headless = playmask.save(teacher_model(), tmp_path / "headless", tokenizer=WORDS)
    states = "logits=0,hidden=1"
    for objective, teacher, named, message in (
        ("mlm", teacher_model(words=words), states, "another tokenizer"),
        ("mlm", str(headless), None, "has no head 'mlm'"),
        ("lm", teacher_model(), states, "reads in the order 'full'"),
        ("electra", teacher_model(), states, "electra has no teacher"),
    ):
        with pytest.raises(ConfigError, match=message):
            pretraining(objective).fit(DOCUMENTS, teacher=teacher, distil=named, **STILL)
