"""Comparing trainings, and searching for the best options of one."""

import json
import shutil
import sys

import pytest

from cli.commands import SMALL, call, complaint
from playmask.cli.actions.search_space import Choices, Range, read_space, usual_space
from playmask.cli.actions.study import Study
from playmask.errors import ConfigError

HINTS = {"learning_rate": float, "epochs": int, "adversarial": str | None, "multiple": bool}


@pytest.fixture
def runs(task, tmp_path):
    """Two folders of one training, the second with other options and a better end."""
    for name in ("甲", "乙"):
        shutil.copytree(task, tmp_path / "runs" / name)
    better = tmp_path / "runs" / "乙"
    saved = json.loads((better / "task.json").read_text())
    saved["training"] |= {"learning_rate": 0.02, "adversarial": "fgm:0.5"}
    (better / "task.json").write_text(json.dumps(saved))
    history = json.loads((better / "training.json").read_text())
    history["val_loss"] = [v - 1.0 for v in history["val_loss"]]
    (better / "training.json").write_text(json.dumps(history))
    return tmp_path / "runs"


def test_runs_are_compared_the_best_first(runs, tmp_path):
    (tmp_path / "notes").mkdir()
    line = ("compare", runs / "甲", runs / "乙", tmp_path / "notes")
    result = call(*line, "--out", tmp_path / "both.png")
    assert result.exit_code == 0, result.stderr
    title, _, header, _, first, second, *_ = result.stdout.splitlines()
    assert title == f"2 trainings in {runs}"
    assert header.split()[:2] == ["run", "loss"] and header.split()[-1] == "adversarial"
    assert first.split()[0] == "乙" and first.split()[-2:] == ["0.02", "fgm:0.5"]
    assert second.split()[0] == "甲" and second.split()[-2:] == ["0.01", "–"]
    assert "left out: " in result.stderr and "notes holds no training" in result.stderr
    assert (tmp_path / "both.png").stat().st_size > 10_000
    answers = json.loads(call(*line, "--json").stdout)
    assert [answer["run"].endswith(name) for answer, name in zip(answers, "乙甲", strict=True)]
    assert answers[0]["differing"] == {"learning_rate": 0.02, "adversarial": "fgm:0.5"}
    history = json.loads((runs / "甲" / "training.json").read_text())
    assert answers[1]["scores"]["val_loss"] == min(history["val_loss"])
    assert answers[1]["best_epoch"] == history["val_loss"].index(min(history["val_loss"])) + 1
    assert answers[1]["seconds"] > 0 and answers[1]["finished"]


def test_what_cannot_be_compared(runs, tmp_path):
    assert "holds no training" in complaint(call("compare", tmp_path))
    assert ".png or .svg" in complaint(call("compare", runs / "甲", "--out", tmp_path / "x.pdf"))


# The space


def test_a_space_is_ranges_and_choices():
    text = (
        "learning-rate=1e-5..1e-3 log; epochs=2..5;adversarial=none|fgm:0.5,x=1;multiple=true,false"
    )
    assert read_space(text, HINTS) == {
        "learning_rate": Range(1e-5, 1e-3, True, False),
        "epochs": Range(2, 5, False, True),
        "adversarial": Choices((None, "fgm:0.5,x=1")),
        "multiple": Choices((True, False)),
    }
    assert read_space("epochs=1,3", HINTS) == {"epochs": Choices((1, 3))}
    assert (
        usual_space({"epochs", "learning_rate"}, new=True)
        == "learning_rate=3e-4..1e-2 log;epochs=2..6"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("epoch=1..2", "no option 'epoch'.*Did you mean 'epochs'"),
        ("epochs", "name=1..5 or name=a,b is expected"),
        ("epochs=1..2;epochs=3,4", "came twice"),
        ("epochs=1.5,2", "a whole number is due"),
        ("epochs=5..2", "low < high"),
        ("learning_rate=0..1 log", "0 < low < high"),
        ("multiple=yes,no", "true or false is due"),
        (" ; ", "is empty"),
    ],
)
def test_what_is_no_space(text, sentence):
    with pytest.raises(ConfigError, match=sentence):
        read_space(text, HINTS)


# The study


def new_study(out, seed=0, **known):
    return Study(out, {"task": "x", **known}, highest=True, seed=seed, prunes=True)


def leave_a_task(study, trial):
    folder = study.folder(trial)
    folder.mkdir(parents=True)
    for name in ("weights.safetensors", "training.json"):
        (folder / name).write_text(str(trial.number))
    (folder / "run.json").write_text(json.dumps({"trial": trial.number}))


def run_trial(study, value):
    trial = study.ask()
    drawn = trial.suggest_float("rate", 0.0, 1.0)
    leave_a_task(study, trial)
    return drawn, study.end(trial, value, seconds=1.0)


def test_a_search_keeps_the_best_task_and_goes_on(tmp_path):
    out = tmp_path / "search"
    study = new_study(out)
    draws = [run_trial(study, value) for value in (0.3, 0.5, 0.4)]
    assert [first for _, first in draws] == [True, True, False]
    assert (study.best / "weights.safetensors").read_text() == "1"
    assert not [*(out / "trials").glob("*/weights.safetensors")]
    assert len([*(out / "trials").glob("*/training.json")]) == 3
    trial = study.ask()
    given_up = trial.suggest_float("rate", 0.0, 1.0)
    leave_a_task(study, trial)
    study.give_up(trial)  # Ctrl-C

    again = new_study(out)
    assert again.count == 3
    assert run_trial(again, 0.1)[0] == given_up
    killed = again.ask()
    value = killed.suggest_float("rate", 0.0, 1.0)
    third = new_study(out)  # the process before was killed in the middle
    assert third.count == 4
    assert run_trial(third, 0.6)[0] == value
    assert run_trial(third, 0.2)[0] not in {drawn for drawn, _ in draws}
    assert (third.best / "weights.safetensors").read_text() == "6"
    assert [each["value"] for each in third.results()] == [0.3, 0.5, 0.4, 0.1, 0.6, 0.2]


def test_a_kill_between_the_end_and_the_promotion_is_mended(tmp_path):
    study = new_study(tmp_path / "search")
    run_trial(study, 0.3)
    trial = study.ask()
    trial.suggest_float("rate", 0.0, 1.0)
    leave_a_task(study, trial)
    study.study.tell(trial, 0.9)
    study.best.rename(study.out / "best.before")
    assert (new_study(tmp_path / "search").best / "weights.safetensors").read_text() == "1"


def test_bad_trials_end_early_and_failed_ones_say_why(tmp_path):
    study = new_study(tmp_path / "search")
    for _ in range(4):
        trial = study.ask()
        leave_a_task(study, trial)
        study.report(trial, 0, 0.5)
        study.end(trial, 0.5)
    trial = study.ask()
    with pytest.raises(study.Pruned):
        study.report(trial, 0, 0.1)
    study.end(trial, None)
    study.fail(study.ask(), "no such thing")
    study.end(study.ask(), float("nan"), epoch=1)
    states = [each["state"] for each in study.results()]
    assert states == ["finished"] * 4 + ["early", "failed", "failed"]
    assert study.results()[5]["error"] == "no such thing"


def test_a_folder_of_another_search_is_refused(tmp_path):
    new_study(tmp_path / "search", data="a")
    with pytest.raises(ConfigError, match="a search with another data"):
        new_study(tmp_path / "search", data="b")
    with pytest.raises(ConfigError, match="holds other files"):
        new_study(tmp_path)


# The command


def test_a_search_from_the_command_line(data, tmp_path):
    out = tmp_path / "search"
    small = [word for word in SMALL if word not in ("--learning-rate", "0.01")]
    files = ("tune", "classify", data / "train.tsv", "--validation", data / "valid.tsv")
    line = (*files, "--out", out, *small, "--epochs", 1, "--best", "accuracy")
    space = ("--space", "learning_rate=1e-3..1e-2 log")
    result = call(*line, *space, "--trials", 1)
    assert result.exit_code == 0, result.stderr
    assert "1 of 1, trial 1: learning_rate 0.00" in result.stderr
    result = call(*line, *space, "--trials", 2)
    assert result.exit_code == 0, result.stderr
    assert "2 of 2, trial 2: " in result.stderr and "1 of 2" not in result.stderr
    assert result.stdout.startswith("2 trials: 0 ended early, 0 failed\n")
    assert (out / "search.png").exists() and (out / "best" / "weights.safetensors").exists()
    last = result.stderr.splitlines()[-1]
    assert last.startswith("playmask train classify ") and "--learning-rate 0.00" in last
    results = json.loads((out / "trials.json").read_text())["trials"]
    best = max(results, key=lambda each: each["value"])
    run = json.loads((out / "best" / "run.json").read_text())
    assert run["options"]["learning_rate"] == best["options"]["learning_rate"]
    assert "another space" in complaint(call(*line, "--space", "warm_up=0,0.1"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--space", "learning_rate=1e-3..3"), "must be between 0 and 1"),
        (("--space", "epochs=1..2"), "--epochs is given, and stands in --space too"),
        (("--space", "clip=none,1"), "clip cannot be none"),
        (("--space", "pooling=mean,men"), "Did you mean 'mean'"),
    ],
)
def test_what_no_trial_could_do_is_refused_first(data, tmp_path, more, sentence):
    files = ("tune", "classify", data / "train.tsv", "--validation", data / "valid.tsv")
    line = (*files, "--out", tmp_path / "search", "--new", "--epochs", 1)
    assert sentence in complaint(call(*line, *more))
    assert not (tmp_path / "search").exists()


def test_a_search_needs_validation_and_optuna(data, tmp_path, monkeypatch):
    line = ("tune", "classify", data / "train.tsv", "--out", tmp_path / "search", "--new")
    assert "give --validation" in complaint(call(*line))
    monkeypatch.setitem(sys.modules, "optuna", None)
    result = call(*line, "--validation", data / "valid.tsv")
    assert "pip install 'playmask[tune]'" in complaint(result)
