"""Cross-validation fold by fold, ensembles of the folds, and limits."""

import itertools

import numpy as np
import pytest

import playmask
from playmask.errors import ConfigError
from playmask.tasks.classification.answers import SeveralLabels
from playmask.tasks.classification.regress import Numbers
from playmask.tasks.cross_validation import fold_parts
from tasks.test_classify import new_task, reviews, same_weights
from tasks.test_mentions import new_task as new_tagger


def test_folds_divide_what_a_limit_leaves_and_no_stream():
    with pytest.raises(ConfigError, match="folds are from 2 to the 8 examples, not 9"):
        playmask.cross_validate(new_task, reviews(16), folds=9, limit=8)
    with pytest.raises(ConfigError, match="leave stream out"):
        playmask.cross_validate(new_task, reviews(16), stream=True)


def test_folds_do_not_share_a_model():
    """What one fold has learnt is no part of the next one's beginning."""
    task = new_task()
    with pytest.raises(ConfigError, match="the model that the fold before has trained"):
        task.fit = lambda *_, **__: None
        playmask.cross_validate(lambda: task, reviews(8), folds=2)


def test_each_example_is_in_one_fold_and_classes_are_spread_evenly():
    classes = [*"a" * 17, *"b" * 5, *"c" * 2]
    parts = fold_parts(24, 5, 0, classes)
    assert sorted(itertools.chain(*parts)) == [*range(24)]
    assert {len(part) for part in parts} == {4, 5}
    for name in "abc":
        counts = [sum(classes[i] == name for i in part) for part in parts]
        assert max(counts) - min(counts) <= 1
    assert fold_parts(24, 5, 0) != fold_parts(24, 5, 1)


def test_folds_are_measured_saved_gone_on_with_and_averaged(tmp_path, monkeypatch):
    data, out = reviews(48), tmp_path / "folds"
    plan = {"folds": 3, "directory": out, "epochs": 1, "batch_size": 16, "verbose": 0}
    plan |= {"learning_rate": 1e-2}
    fit, calls = playmask.TextClassifier.fit, []

    def counting(task, examples, *arguments, **options):
        calls.append(len(examples))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(task, examples, *arguments, **options)

    monkeypatch.setattr(playmask.TextClassifier, "fit", counting)
    with pytest.raises(KeyboardInterrupt):
        playmask.cross_validate(lambda: new_task(dropout=0.0), data, **plan)
    with pytest.raises(ConfigError, match="had other options"):
        playmask.cross_validate(new_task, data, **plan | {"epochs": 2}, resume=True)
    with pytest.raises(ConfigError, match="had other data"):
        playmask.cross_validate(new_task, data[::-1], **plan, resume=True)
    result = playmask.cross_validate(lambda: new_task(dropout=0.0), data, **plan, resume=True)
    assert calls == [32] * 4  # the first two are not trained again
    scores = [fold["accuracy"] for fold in result.folds]
    assert result.mean["accuracy"] == pytest.approx(np.mean(scores))
    assert result.deviation["accuracy"] == pytest.approx(np.std(scores, ddof=1))
    members = [playmask.load_task(out / f"fold-{i}") for i in (1, 2, 3)]
    assert not same_weights(*members[:2])
    result.save_ensemble()
    ensemble = playmask.load_task(out)
    text = data[0][0]
    chances = [member.predict(text).probabilities["good"] for member in members]
    assert ensemble.predict(text).probabilities["good"] == pytest.approx(np.mean(chances))
    assert ensemble.evaluate(data)["examples"] == 48
    with pytest.raises(AttributeError, match="one of its members does"):
        ensemble.fit(data)


def test_ensembles_average_probabilities_of_labels_and_numbers_as_they_are():
    logits = np.random.default_rng(0).normal(size=(3, 4, 2)) * 30
    several = SeveralLabels(["a", "b"])
    mean = (1 / (1 + np.exp(-logits))).mean(0)
    chances = [answer.probabilities for answer in several.answers(several.averaged(logits))]
    np.testing.assert_allclose([[c["a"], c["b"]] for c in chances], mean, rtol=1e-9)
    numbers = Numbers.averaged(None, logits)
    np.testing.assert_allclose(numbers, logits.mean(0))


def test_an_ensemble_is_of_tasks_that_score_the_same_answers():
    with pytest.raises(ConfigError, match="which score answers; a task 'tag' came"):
        playmask.Ensemble([new_tagger("crf")])
    with pytest.raises(ConfigError, match="have other settings"):
        playmask.Ensemble([new_task(), new_task(pooling="mean")])
    with pytest.raises(ConfigError, match="no task came"):
        playmask.Ensemble([])
