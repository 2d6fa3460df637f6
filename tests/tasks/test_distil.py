"""Learning from another task: its answers, its states, its blocks; beside plain numpy."""

import numpy as np
import pytest

import playmask
from comparing import numpy_of
from playmask.errors import ConfigError
from playmask.runtime.train.steps.theseus import Theseus
from playmask.tasks.saving import arrays_of
from tasks.test_classify import reviews, same_weights, weights_of
from tasks.test_compression_formulas import Never, batch_of, logits_of, task

pytestmark = pytest.mark.backends

ONE = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-7, "verbose": 0}
FAST = {"learning_rate": 1e-2, "verbose": 0}
STILL = {"learning_rate": 1e-2, "weight_decay": 0.0, "verbose": 0}


@pytest.mark.backends("torch")
def test_a_student_of_another_width_learns_what_the_teacher_answers():
    """Without a label its answers are learnt; its weights stay, and nothing of it is saved."""
    teacher = task(2, initializer_range=0.1)
    teacher.fit(reviews(320), epochs=5, **FAST)
    before = weights_of(teacher)
    student = task(1, width=16, seed=9, initializer_range=0.1)
    names = [*arrays_of(student.network)]
    texts = [text for text, _ in reviews(320, seed=4)]
    options = {"label_by_teacher": True, "distil": "hidden=0.1,targets=0"}
    student.fit(texts, teacher=teacher, epochs=8, **options, **FAST)
    assert all(np.array_equal(array, before[name]) for name, array in weights_of(teacher).items())
    assert all(variable.trainable for variable in teacher.transformer.weights)
    assert [*arrays_of(student.network)] == names
    assert student.network.hook_variables.variables == [] and student.network.teacher is None
    labels = [logits_of(each, reviews(60, seed=8)).argmax(1) for each in (student, teacher)]
    assert np.mean(labels[0] == labels[1]) > 0.9


def test_a_teacher_of_another_kind_is_refused(tmp_path):
    student, data = task(), reviews(8)
    regressor = playmask.TextRegressor.new(
        task().transformer, tokenizer=student.tokenizer, max_length=20
    )
    other = playmask.TextClassifier.new(
        task().transformer, ["good", "bad"], tokenizer=student.tokenizer, max_length=20
    )
    words = playmask.Tokenizer.from_texts(["好差"] * 2, minimum=1)
    foreign = playmask.TextClassifier.new(
        task().transformer, ["bad", "good"], tokenizer=words, max_length=20
    )
    long = task()
    for teacher, sentence in (
        (regressor, "The teacher is a task 'regress', the student 'classify'"),
        (other, r"The teacher's labels is \('good', 'bad'\), the student's \('bad', 'good'\)"),
        (foreign, "another tokenizer"),
        (student, "its own teacher"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            student.fit(data, teacher=teacher, **ONE)
    with pytest.raises(ConfigError, match="Distillation learns from another task; name it"):
        student.fit(data, distil="hidden=1", **ONE)
    with pytest.raises(ConfigError, match="a block of the teacher, 1 to 1"):
        student.fit(data, teacher=long, distil="hidden=1,layers=2", **ONE)
    with pytest.raises(ConfigError, match="no distance 'mean'"):
        student.fit(data, teacher=long, distil="distance=mean", **ONE)
    with pytest.raises(ConfigError, match="label_by_teacher needs a teacher"):
        student.fit(data, label_by_teacher=True, **ONE)
    with pytest.raises(ConfigError, match="ends with 2 blocks, and the task has 1"):
        student.fit(data, teacher=long, theseus=2, **ONE)
    with pytest.raises(ConfigError, match="no more than the task"):
        student.fit(data, teacher=long, theseus=1, **ONE)
    assert all(variable.trainable for variable in long.transformer.weights)
    assert student.network.teacher is None


def test_what_takes_no_part_learns_nothing():
    """Where every module is the teacher's, the task's own blocks and embedding stay as they are."""
    teacher = task(2, seed=5)
    student = playmask.keep_blocks(teacher, 1)
    before = weights_of(student)
    student.fit(reviews(8), teacher=teacher, callbacks=[Never(1)], epochs=3, **STILL)
    moved = {name for name, array in weights_of(student).items() if np.any(array != before[name])}
    assert moved == {name for name in before if name.startswith("task/")}


def test_theseus_ends_with_the_successor_alone(tmp_path):
    """Its probability rises to 1; in between, both are drawn; the result is a task as any."""
    hook = Theseus(1, start=0.5, until=0.5)
    hook.steps = 100
    chances = [float(numpy_of(hook.probability(step))) for step in (0, 25, 50, 99)]
    assert np.allclose(chances, [0.5, 0.75, 1.0, 1.0])
    teacher = task(2, initializer_range=0.1)
    teacher.fit(reviews(320), epochs=5, **FAST)
    student = playmask.keep_blocks(teacher, 1)
    folder = teacher.save(tmp_path / "teacher")
    options = {"theseus": "1,until=0.6", "epochs": 4, "directory": tmp_path / "small"}
    student.fit(reviews(320), teacher=folder, **options, **FAST)
    assert student.transformer.blocks.substitute is None
    small = playmask.load_task(tmp_path / "small")
    assert same_weights(small, student) and small.transformer.architecture.depth == 1
    inputs, labels, _ = batch_of(student, reviews(60, seed=8))
    answers = numpy_of(student.network(inputs)["logits"]).argmax(1)
    assert np.mean(answers == labels) > 0.9
