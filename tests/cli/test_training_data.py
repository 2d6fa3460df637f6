"""What `playmask train` does with its data: folds, ensembles, streams, limits, weights."""

import json

import pytest

from cli.commands import SMALL, call, complaint, reviews, write_table

QUICK = (*SMALL, "--epochs", 1)


def test_folds_are_scored_and_averaged_by_an_ensemble(data, tmp_path):
    out = tmp_path / "folds"
    command = ["train", "classify", data / "train.tsv", "--out", out, *QUICK]
    folds = ("--folds", 2, "--ensemble", "--limit", 40)
    result = call(*command, *folds)
    assert result.exit_code == 0, result.output
    assert "24 examples behind the first 40 are left out" in result.stderr
    assert "data: 40 examples" in result.stderr and "is the ensemble of the folds" in result.stderr
    assert "2 folds" in result.stdout and "mean ± deviation" in result.stdout
    record = json.loads((out / "folds.json").read_text("utf-8"))
    assert [fold["examples"] for fold in record["scores"]] == [20, 20]
    assert {"fold-1", "fold-2", "ensemble.json", "run.json"} <= {f.name for f in out.iterdir()}
    answer = call("predict", out, "--text", "这书真好")
    assert answer.exit_code == 0 and "probabilities" in answer.stdout
    measured = call("evaluate", out, data / "valid.tsv")
    assert measured.exit_code == 0 and "accuracy" in measured.stdout
    assert "already holds a trained model (folds.json)" in complaint(call(*command, *folds))
    assert "holds a cross-validation" in complaint(call(*command, "--force"))
    assert "is finished" in complaint(call(*command, "--resume", "--folds", 2))


@pytest.mark.parametrize(
    "options, reason",
    [
        (("--ensemble",), "--ensemble is of folds"),
        (("--folds", 2, "--validation", "valid.tsv"), "leave --validation out"),
        (("--folds", 2, "--stream"), "Folds divide examples that are held"),
        (("--folds", 99), "folds are from 2 to the 64 examples, not 99"),
        (("--focal", "-1"), "focal"),
        (("--class-weights", "好=2"), "'好=2'; 'balanced' or LABEL=NUMBER,… is due"),
        (("--sampling", "even"), "There is no sampling 'even'"),
        (("--stream", "--curriculum", "length"), "which stream does not hold"),
    ],
)
def test_what_does_not_go_together_is_refused(data, tmp_path, options, reason):
    command = ["train", "classify", data / "train.tsv", "--out", tmp_path / "out", *QUICK]
    assert reason in " ".join(complaint(call(*command, *options)).split())


def test_a_streamed_file_trains_and_its_weights_are_read(tmp_path):
    file, out = tmp_path / "train.tsv", tmp_path / "out"
    rows = [
        ("text", "label", "weight"),
        *((*row, "12"[i % 2]) for i, row in enumerate(reviews(64))),
    ]
    write_table(file, rows)
    command = ["train", "classify", file, "--out", out, "--stream", "--buffer", 16, *QUICK]
    result = call(*command, "--label-smoothing", 0.1, "--class-weights", "balanced")
    assert result.exit_code == 0, result.output
    assert "has 64 examples, which are read anew in every pass" in result.stderr
    assert "count by their weights" in result.stderr
    training = json.loads((out / "task.json").read_text("utf-8"))["training"]
    assert training["stream"] is True and training["class_weights"] == "balanced"
    write_table(
        file, [("text", "label", "weight"), ("这书真好", "好评", "-1"), ("坏", "差评", "1")]
    )
    assert "train.tsv:2: The weight is '-1'" in complaint(call(*command, "--force"))
