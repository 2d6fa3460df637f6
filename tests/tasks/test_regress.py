"""Regression: numbers of texts and of pairs are learnt in their own units."""

import json

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY
from playmask.errors import DataError
from playmask.metrics.similarity import correlation
from tasks.made_up import DIGITS, QUICK, tokenizer

pytestmark = pytest.mark.backends
WORDS = tokenizer("，")
LEARN = QUICK | {"epochs": 20}


def new_task(**options):
    keras.utils.set_random_seed(3)
    body = TINY.change(vocabulary=len(WORDS), pad=WORDS.pad, dropout=0.0, attention_dropout=0.0)
    options = {"tokenizer": WORDS, "max_length": 16, "dropout": 0.0, **options}
    return playmask.TextRegressor.new(playmask.build(body), **options)


def texts(count, seed=0):
    """Texts of five digits, and how many of them are above four."""
    random = np.random.default_rng(seed)
    drawn = random.integers(0, 10, (count, 5))
    return [("".join(DIGITS[i] for i in row), float(100 + 10 * (row > 4).sum())) for row in drawn]


@pytest.mark.backends("tensorflow")
def test_it_learns_in_the_datas_units_and_comes_back(tmp_path):
    task, test = new_task(), texts(60, seed=9)
    history = task.fit(texts(300), texts(40, seed=5), **LEARN)
    assert "val_pearson" in history
    scores = task.evaluate(test)
    assert scores["pearson"] > 0.9 and scores["spearman"] > 0.85 and scores["mse"] < 40
    answers = task.predict([text for text, _ in test])
    assert 100 <= np.mean(answers) <= 150  # not in standard deviations
    labels = [number for _, number in test]
    assert scores["mse"] == pytest.approx(np.mean((np.array(answers) - labels) ** 2))
    assert scores["pearson"] == pytest.approx(correlation(answers, labels).pearson)
    again = playmask.load_task(task.save(tmp_path))
    assert again.predict(test[0][0]) == pytest.approx(answers[0], abs=1e-3)
    assert again.settings.mean == task.settings.mean != ()


@pytest.mark.backends("jax")
def test_a_further_training_goes_on_in_the_same_units():
    task = new_task()
    task.fit(texts(64), **QUICK | {"epochs": 1})
    mean = task.settings.mean
    task.fit([(text, number * 2) for text, number in texts(64)], **QUICK | {"epochs": 1})
    assert task.settings.mean == mean


@pytest.mark.backends("torch")
def test_several_numbers_of_pairs():
    random = np.random.default_rng(1)
    data = []
    for _ in range(300):
        one, other = random.integers(0, 10, 2)
        data.append((DIGITS[one], DIGITS[other], [float(one), float(other) * 100]))
    task = new_task(numbers=2)
    task.fit(data, **LEARN)
    first, second = task.predict((DIGITS[8], DIGITS[1]))
    assert abs(first - 8) < 2 and abs(second - 100) < 200
    assert task.evaluate(data)["pearson"] > 0.9


def test_files_with_decimals_and_separators(tmp_path):
    table = tmp_path / "a.tsv"
    table.write_text("text\tscore\n一\t0.5\n二\t1.5\n", encoding="utf-8")
    assert [e.label for e in new_task().read(table)] == [(0.5,), (1.5,)]
    lines = tmp_path / "a.jsonl"
    rows = [{"text": "一", "label": 0.5}, {"text": "二", "label": [2]}]
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert [e.label for e in new_task().read(lines)] == [(0.5,), (2.0,)]
    two = tmp_path / "b.tsv"
    two.write_text("一\t1;2\n二\t3;4\n", encoding="utf-8")
    assert [e.label for e in new_task(numbers=2, separator=";").read(two)] == [(1, 2), (3, 4)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([("一", "many")], "Example 0: It has the score 'many', which is no number"),
        ([("一", 1), ("二", float("nan"))], "Example 1: It has the score nan, which is no number"),
        ([("一", True)], "the score True, which is no number"),
        ([("一", [1, 2])], "It has 2 numbers; 1 are due"),
        ([("一", 3), ("二", 3)], "All texts have the score 3; there is nothing to learn"),
    ],
)
def test_what_is_no_number_is_refused(data, message):
    with pytest.raises(DataError, match=message):
        new_task().fit(data, **QUICK)


def test_a_bad_line_is_named(tmp_path):
    table = tmp_path / "a.tsv"
    table.write_text("一\t0.5\n二\t好\n三\t1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.tsv:2: It has the score '好', which is no number"):
        new_task().read(table)
    assert len(new_task().read(table, skip_bad=True)) == 2


@pytest.mark.backends("jax")
def test_a_table_it_was_trained_on_is_predicted_too(tmp_path):
    table = tmp_path / "a.tsv"
    table.write_text("一\t0.5\n二\t1.5\n", encoding="utf-8")
    task = new_task()
    task.fit(table, **QUICK | {"epochs": 1})
    assert [example.text for example in task.read_inputs(table)] == ["一", "二"]
    table.write_text("一\t二\n", encoding="utf-8")
    with pytest.raises(DataError, match="a second column that is none of the labels"):
        task.read_inputs(table)
