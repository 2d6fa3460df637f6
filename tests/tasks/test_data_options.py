"""What a training asks of its data: losses, weights, sampling, order, replacement, streams."""

import numpy as np
import pytest

import playmask
from comparing import numpy_of
from playmask.data.annotated import Annotated, Mention
from playmask.errors import ConfigError, DataError
from playmask.runtime.batches import Batches
from playmask.runtime.sampling import balanced_rows, by_competence, competence
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks import training
from playmask.tasks.objective import balanced, counts_of
from playmask.tasks.training import batches_of, data_options, loss_changes
from playmask.tasks.writing.replacement import replaced
from tasks import made_up
from tasks.test_classify import new_task, reviews
from tasks.test_mentions import DATA
from tasks.test_mentions import new_task as new_tagger
from tasks.test_seq2seq import PAIRS
from tasks.test_seq2seq import new_task as new_writer

pytestmark = pytest.mark.backends

ONE_STEP = {"epochs": 1, "batch_size": 12, "learning_rate": 1e-9, "weight_decay": 0.0, "verbose": 0}
FEW = [*reviews(8), *((text, "bad") for text, _ in reviews(4, seed=2))]  # 4 good, 8 bad


def test_the_loss_of_a_training_is_the_weighted_focal_smoothed_one():
    """Class weights are balanced, N / (K · n); a step's loss is Σ w · loss / Σ w of its texts."""
    words, share = made_up.tokenizer(*(text for text, _ in FEW)), np.arange(1, 13) / 4
    sizes = {"max_length": 20, "dropout": 0.0, "tokenizer": words}
    task = playmask.TextClassifier.new(made_up.model(words, depth=1), ["bad", "good"], **sizes)
    logits = task.logits(task.read(FEW))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    weights = np.array([12 / (2 * 8), 12 / (2 * 4)])
    targets = np.array([("bad", "good").index(label) for _, label in FEW])
    q = 0.9 * np.eye(2)[targets] + 0.1 / 2
    nats = -(weights * q * (1 - p) ** 2 * np.log(p)).sum(1)
    data = [playmask.Weighted(*both) for both in zip(FEW, share, strict=True)]
    options = {"class_weights": "balanced", "focal": 2, "label_smoothing": 0.1}
    history = task.fit(data, **ONE_STEP, **options)
    np.testing.assert_allclose(history["loss"][0], (share * nats).sum() / share.sum(), rtol=1e-4)
    plain = task.fit(FEW, **ONE_STEP)  # the next training is plain again
    np.testing.assert_allclose(plain["loss"][0], -np.log(p[range(12), targets]).mean(), rtol=1e-4)


def test_class_weights_by_name_and_balanced():
    objective = new_task().objective
    assert objective.class_weights("good=2") == (1.0, 2.0)
    assert counts_of(np.array([0, 1, 1, 1]), "classes", 3).tolist() == [1, 3, 0, 4]
    assert balanced(np.array([1, 3, 0, 4]), several=False) == (4 / 3, 4 / 9, 1.0)
    labels = np.array([[1, 0], [1, 1], [1, 0], [1, 0]])
    assert balanced(counts_of(labels, "labels", 2), several=True) == (1.0, 3.0)
    with pytest.raises(ConfigError, match=r"'god=2'; 'balanced' or .* Did you mean 'good'\?"):
        objective.class_weights("god=2")
    with pytest.raises(ConfigError, match="'good' is 'two'; a number from 0"):
        objective.class_weights("good=two")


def test_tags_that_are_decided_alone_have_class_weights():
    task = new_tagger("softmax")
    labels = [*dict.fromkeys(task.objective.classes)]
    assert labels[0] == "O" and len(task.objective.classes) == len(task.tags)
    weights = task.objective.class_weights(f"{labels[1]}=3")
    assert {tag: w for tag, w in zip(task.tags, weights, strict=True)} == {
        tag: 3.0 if tag.endswith(f"-{labels[1]}") else 1.0 for tag in task.tags
    }


TASKS = {
    "classes": (new_task, FEW),
    "tags": (lambda: new_tagger("crf"), DATA[:4]),
    "targets": (lambda: new_writer("stack"), PAIRS[:4]),
}


@pytest.mark.parametrize(
    "kind, options, reason",
    [
        ("tags", {"focal": 2.0}, "focal changes cross-entropies: .* by TagCrossentropy"),
        ("tags", {"sampling": "balanced"}, "for texts of one label each; a task 'tag' has none"),
        ("tags", {"replace_targets": 0.3}, "for targets that are written; a task 'tag' has none"),
        ("tags", {"stream": True}, "A task 'tag' cannot stream"),
        ("classes", {"stream": True}, "stream reads a file"),
        ("classes", {"replace_targets": 1.0}, "replace_targets is a share below 1"),
        ("classes", {"focal": -1}, "focal is from 0"),
        ("targets", {"class_weights": "balanced"}, "this task has none"),
    ],
)
def test_what_a_task_cannot_do_is_refused_before_training(kind, options, reason):
    make, data = TASKS[kind]
    with pytest.raises(ConfigError, match=reason):
        make().fit(data, **options)


def test_the_rows_of_an_example_have_its_weight():
    task = new_tagger("softmax")
    long = Annotated("零一二三四五六七八九" * 9, [Mention(0, 1, task.labels[0])])
    data = task.read([playmask.Weighted(long, 3.0), Annotated("零一二三", long.mentions)])
    batches = batches_of(task, data, 2, shuffle=False)
    rows = len(batches.weights) - 1
    assert rows > 1 and batches.weights.tolist() == [3.0] * rows + [1.0]


def test_balanced_epochs_hold_as_much_of_each_class():
    classes = np.array([*"a" * 40, *"b" * 7, *"c" * 3])
    drawn = [balanced_rows(classes, np.random.default_rng(i)) for i in range(2)]
    for rows in drawn:
        counts = np.bincount(rows, minlength=50)
        each = [counts[classes == name] for name in "abc"]
        assert sorted(part.sum() for part in each) == [16, 17, 17]
        assert all(part.max() - part.min() <= 1 for part in each)
    assert {*drawn[0]} != {*drawn[1]}
    rows = [{"tokens": [i + 1]} for i in range(50)]
    batches = Batches(rows, classes == "a", batch_size=8, classes=classes, seed=1)
    shares = np.concatenate([batches[i][1][batches[i][2] > 0] for i in range(len(batches))])
    assert len(batches) == 7 and len(shares) == 50 and 16 <= shares.sum() <= 17


def test_a_curriculum_goes_from_short_to_long_and_leaves_nothing_out():
    assert competence(0) == pytest.approx(0.01) and competence(0.5) == competence(1) == 1
    assert competence(0.125) == pytest.approx(np.sqrt(0.25 * (1 - 1e-4) + 1e-4))
    lengths = np.random.default_rng(0).permutation(200)
    first, last = (by_competence(lengths, epoch, 4, np.random.default_rng(1)) for epoch in (0, 3))
    assert sorted(first) == sorted(last) == [*range(200)]
    trend = [np.corrcoef(lengths[order], range(200))[0, 1] for order in (first, last)]
    assert trend[0] > 0.6 and abs(trend[1]) < 0.3
    for step, batch in enumerate(first):
        admitted = max(np.ceil(200 * competence(step / 800)), step + 1)
        assert lengths[batch] < admitted
    rows = [{"tokens": [1] * (1 + i)} for i in range(64)]
    batches = Batches(rows, [0] * 64, batch_size=2, lengths=range(4, 65, 4), curriculum=9)
    sizes = [batches[i][0]["valid"].sum() for i in range(len(batches))]
    assert np.mean(sizes[:8]) < np.mean(sizes[-8:]) / 3


def test_a_curriculum_ends_where_the_training_does(monkeypatch):
    spans = []
    monkeypatch.setattr(training, "train", lambda task, batches, *_, **__: spans.append(batches))
    for options in ({"epochs": 4}, {"epochs": 4, "max_steps": 5}, {"epochs": 4, "accumulate": 2}):
        new_task().fit(reviews(32), curriculum="length", batch_size=4, verbose=0, **options)
    lengths = [len(batches) for batches in spans]
    assert lengths == [8, 8, 8]
    assert [batches.curriculum for batches in spans] == [4, 5 / 8, 4]


def test_replaced_tokens_are_of_the_same_target_in_half_of_the_rows():
    tokens = np.arange(4000 * 8).reshape(4000, 8)
    places = np.arange(8) < np.random.default_rng(0).integers(2, 9, 4000)[:, None]
    places[:, 0] = False
    changed = replaced(tokens, places, 0.3, np.random.default_rng(3))
    other = changed != tokens
    assert not (other & ~places).any()
    rows, _ = np.nonzero(other)
    assert all(np.isin(changed[i], tokens[i][places[i]])[places[i]].all() for i in {*rows})
    count = places.sum(1)  # one in `count` is exchanged for itself
    expected = (places * 0.5 * 0.3 * (1 - 1 / count[:, None])).sum()
    assert abs(other.sum() / expected - 1) < 0.05
    several = count > 5
    touched = (1 - (1 - 0.3 * (1 - 1 / count[several])) ** count[several]) * 0.5
    assert abs(other[several].any(1).mean() - touched.mean()) < 0.03


@pytest.mark.parametrize("form", ["stack", "decoder"])
def test_what_is_predicted_stays_where_what_is_read_is_replaced(form):
    task = new_writer(form)
    options = TrainingOptions(replace_targets=0.9)
    examples = task.read(PAIRS[:64])
    plain, other = (
        batches_of(task, examples, 64, shuffle=False, **more)[0]
        for more in ({}, data_options(task, examples, options))
    )
    for one, two in zip(plain[1:], other[1:], strict=True):
        np.testing.assert_array_equal(one, two)
    name = {"stack": "tokens", "decoder": "target_tokens"}[form]
    differs = plain[0][name] != other[0][name]
    assert differs.any(1).mean() > 0.2
    special = [*task.tokenizer.special.values()]
    assert not np.isin(plain[0][name][differs], special).any()
    if form == "stack":
        assert (plain[0]["segments"][differs] == 1).all()
    else:
        np.testing.assert_array_equal(plain[0]["tokens"], other[0]["tokens"])


def test_a_language_model_reads_others_and_predicts_the_same():
    words = made_up.tokenizer()
    task = playmask.LanguageModel.new(
        made_up.model(words, mask="lm"), tokenizer=words, max_length=16
    )
    examples = task.read([made_up.cycle(i % 10) for i in range(64)])
    options = data_options(task, examples, TrainingOptions(replace_targets=0.9))
    plain, other = (
        batches_of(task, examples, 64, shuffle=False, **more)[0] for more in ({}, options)
    )
    np.testing.assert_array_equal(plain[1], other[1])
    differs = plain[0]["tokens"] != other[0]["tokens"]
    assert differs.any(1).mean() > 0.2 and not differs[:, 0].any()


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "reviews.tsv"
    file.write_text("".join(f"{text}\t{label}\n" for text, label in reviews(96)), "utf-8")
    return file


def test_a_streamed_training_is_one_and_goes_on_as_it_would_have(table, tmp_path):
    plan = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-2, "stream": True, "buffer": 40}
    options = TrainingOptions(class_weights="balanced", **plan)
    task = new_task(dropout=0.0)
    history = task.fit(table, options=options, directory=tmp_path / "out", verbose=0)
    assert history["loss"][1] < history["loss"][0]
    examples = task.parse(task.settings, table, lazily=True)
    batches = batches_of(task, examples, 16, seed=0, price=None, buffer=40, shuffle=True)
    changes = loss_changes(task.objective, batches, options)
    assert changes.weights == (1.0, 1.0) and len(batches) == 6
    one, other = (
        batches_of(task, examples, 16, seed=0, price=None, buffer=40, shuffle=True)
        for _ in range(2)
    )
    for each in (one, other):
        each.set_epoch(1)
    first = [numpy_of(one[i][0]["tokens"]) for i in range(6)]
    assert all(map(np.array_equal, first, (other[i][0]["tokens"] for i in range(6))))


def test_a_stream_refuses_what_needs_all_examples(table):
    for more in ({"sampling": "balanced"}, {"curriculum": "length"}):
        with pytest.raises(ConfigError, match="orders all examples, which stream does not hold"):
            new_task().fit(table, stream=True, **more)
    table.write_text(table.read_text("utf-8") + "味道\tfine\n", "utf-8")
    with pytest.raises(DataError, match=r"reviews\.tsv:97: The label 'fine' is not one"):
        new_task().fit(table, stream=True)
