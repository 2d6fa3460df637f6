"""Several labels a text, by Su's multi-label softmax and by binary cross-entropies."""

import json

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY
from playmask.errors import ConfigError, DataError
from playmask.tasks import MultiPrediction
from tasks.made_up import DIGITS, QUICK, tokenizer

pytestmark = pytest.mark.backends
WORDS = tokenizer("，")
LABELS = ["low", "middle", "high"]
LEARN = QUICK | {"epochs": 20}


def new_task(**options):
    keras.utils.set_random_seed(3)
    body = TINY.change(vocabulary=len(WORDS), pad=WORDS.pad, dropout=0.0, attention_dropout=0.0)
    options = {"tokenizer": WORDS, "max_length": 16, "dropout": 0.0, "multiple": True, **options}
    labels = options.pop("labels", LABELS)
    return playmask.TextClassifier.new(playmask.build(body), labels, **options)


def texts(count, seed=0):
    """Texts of three digits, labelled with the ranges that they are of; 4 and 5 are of none."""
    random = np.random.default_rng(seed)
    ranges = {"low": range(2), "middle": range(2, 4), "high": range(6, 10)}
    data = []
    for row in random.integers(0, 10, (count, 3)):
        names = [name for name, digits in ranges.items() if {*row.tolist()} & {*digits}]
        data.append(("".join(DIGITS[i] for i in row), names))
    return data


@pytest.mark.backends("jax")
@pytest.mark.parametrize("loss", ["softmax", "binary"])
def test_it_learns_and_comes_back(tmp_path, loss):
    task, test = new_task(loss=loss), texts(80, seed=9)
    task.fit(texts(400), **LEARN)
    scores = task.evaluate(test)
    assert scores["micro_f1"] > 0.95 and scores["macro_f1"] > 0.95
    assert scores["subset_accuracy"] > 0.85
    answers = task.predict([text for text, _ in test])
    assert isinstance(answers[0], MultiPrediction)
    for answer in answers:
        assert answer.labels == tuple(n for n in LABELS if answer.probabilities[n] > 0.5)
    exact = np.mean([{*a.labels} == {*names} for a, (_, names) in zip(answers, test, strict=True)])
    assert scores["subset_accuracy"] == pytest.approx(exact)
    assert task.predict("四五四").labels == ()
    again = playmask.load_task(task.save(tmp_path))
    assert again.predict(test[0][0]).labels == answers[0].labels


def test_the_loss_is_the_one_of_the_post():
    """The logits' loss is ln(1 + Σ e^s of wrong) + ln(1 + Σ e^-s of right), the mean over texts."""
    task = new_task()
    targets = task.space.targets([("low", "high"), ()])
    assert targets.tolist() == [[1, 0, 1], [0, 0, 0]]
    logits = np.array([[2.0, -1.0, 0.5], [0.3, -0.2, 1.0]], "float32")
    wanted = [
        np.log1p(np.exp(-1)) + np.log1p(np.exp(-2) + np.exp(-0.5)),
        np.log1p(np.exp(0.3) + np.exp(-0.2) + np.exp(1)),
    ]
    assert float(task.space.loss(targets, logits)) == pytest.approx(np.mean(wanted), rel=1e-5)
    binary = new_task(loss="binary").space.loss
    each = np.logaddexp(0, np.where(targets > 0, -logits, logits)).mean(axis=1)
    assert float(binary(targets, logits)) == pytest.approx(each.mean(), rel=1e-5)


def test_files_have_lists_or_separators(tmp_path):
    table = tmp_path / "a.tsv"
    table.write_text("text\tlabel\n一\tlow|high\n五\t\n二\tmiddle\n", encoding="utf-8")
    labels = [("low", "high"), (), ("middle",)]
    assert [e.label for e in new_task().read(table)] == labels
    lines = tmp_path / "a.jsonl"
    rows = zip("一五二", labels, strict=True)
    lines.write_text(
        "".join(json.dumps({"text": text, "labels": names}) + "\n" for text, names in rows)
    )
    assert [e.label for e in new_task().read(lines)] == labels
    other = tmp_path / "b.tsv"
    other.write_text("一\tlow, high\n", encoding="utf-8")
    assert new_task(separator=",").read(other)[0].label == ("low", "high")


def test_labels_once_and_in_order():
    assert new_task().read([("一", ["high", "low", "high"])])[0].label == ("low", "high")


def test_what_is_refused(tmp_path):
    with pytest.raises(DataError, match="Example 0: It has the label 'lo'. Did you mean 'low'"):
        new_task().read([("一", ["lo"])])
    with pytest.raises(DataError, match="It has the labels 'low'; a list of names is due"):
        new_task().read([("一", "low")])
    with pytest.raises(ConfigError, match="needs one label at least"):
        new_task(labels=[])
    bad = tmp_path / "a.tsv"
    bad.write_text("一\tlow\n二\tlow|hi\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.tsv:2: The label 'hi' is not one of the labels"):
        new_task().read(bad)
