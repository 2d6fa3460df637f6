"""`playmask train` is killed at every file operation: the old task or the new, and --resume."""

import json
import re
import shutil

import pytest

import playmask
from cli.commands import SMALL, call, complaint, reviews, write_table
from crashes.disk import states
from playmask.files.commits import recover
from playmask.runtime.train.backup import BACKUP, finished_epochs, is_finished

EPOCHS = 2


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Copies of --out while a new training replaces an older one with --force."""
    folder = tmp_path_factory.mktemp("train")
    data = write_table(folder / "train.tsv", reviews(64))
    valid = write_table(folder / "valid.tsv", reviews(20))
    line = ("train", "classify", data, "--validation", valid, "--out")
    out = folder / "out"
    small = (*SMALL, "--max-length", 24)
    assert call(*line, out, *small, "--epochs", 1).exit_code == 0
    small = (*SMALL, "--max-length", 32)
    with states(out, folder / "states") as copies:
        assert call(*line, out, *small, "--epochs", EPOCHS, "--force").exit_code == 0
    return line, copies


def test_every_state_holds_a_whole_task_and_knows_its_epochs(killed, tmp_path):
    _, copies = killed
    last = None
    for copy in copies:
        place = shutil.copytree(copy, tmp_path / copy.name)
        task = playmask.load_task(place)
        epochs = finished_epochs(place)
        run = json.loads((place / "run.json").read_text())
        new = run["options"]["epochs"] == EPOCHS and (epochs is not None or is_finished(place))
        if epochs is not None:
            assert task.settings.max_length == 32 and new
            assert len(json.loads((place / "training.json").read_text())["loss"]) == epochs
        state = (task.settings.max_length, EPOCHS + 1 if new and epochs is None else epochs or 0)
        assert last is None or state >= last, (last, state)
        last = state
    assert last == (32, EPOCHS + 1)


@pytest.mark.parametrize("epochs", [None, 1, "finished"])
def test_a_killed_command_goes_on(killed, epochs, tmp_path):
    """After the epoch that it says; an ended training is no longer gone on with."""
    line, copies = killed
    matching = []
    for copy in copies:
        place = shutil.copytree(copy, tmp_path / copy.name)
        recover(place)
        run = json.loads((place / "run.json").read_text())
        if run["options"]["epochs"] == EPOCHS and not run["finished"]:
            done = "finished" if is_finished(place) else finished_epochs(place)
            matching += [place] * (done == epochs)
    assert matching
    for place in {matching[0], matching[-1]}:
        result = call(*line, place, "--resume")
        if epochs == "finished":
            assert "is finished; --force begins it anew" in complaint(result)
            continue
        assert result.exit_code == 0, result.stderr
        begun = re.findall(rf"epoch (\d) of {EPOCHS}:", result.stderr)
        assert begun[0] == str((epochs or 0) + 1)
        assert ("going on after epoch" in result.stderr) == (epochs is not None)
        if epochs is not None:
            assert f"going on after epoch {epochs} of {EPOCHS}" in result.stderr
        assert len(json.loads((place / "training.json").read_text())["loss"]) == EPOCHS
        assert playmask.load_task(place).settings.max_length == 32
        assert not (place / BACKUP).exists()


def test_what_a_killed_conversion_left_is_no_hindrance(tmp_path):
    (tmp_path / "out" / ".playmask-staging-12345678").mkdir(parents=True)
    (tmp_path / "out" / ".playmask-staging-12345678" / "config.json").write_text("{")
    result = call(
        "convert", "tests/oracles/transformers/bert_mlm", tmp_path / "out", "--to", "playmask"
    )
    assert result.exit_code == 0, result.stderr
    assert not list((tmp_path / "out").glob(".playmask*"))
