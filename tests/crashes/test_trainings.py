"""A training is killed, or finds the disk full, at every file operation; and goes on afterwards."""

import json
import shutil
import sys
from contextlib import contextmanager

import keras
import numpy as np
import pytest

import playmask
from crashes.disk import Full, before_each, content, leftovers, states
from playmask.errors import CheckpointError, ConfigError
from playmask.files.commits import COMMIT, committing, recover
from playmask.runtime import peer_processes
from playmask.runtime.train import keeping
from playmask.runtime.train.backup import finished_epochs, is_finished, position_in
from tasks.test_classify import new_task, reviews, same_weights

TRAIN, VALID = reviews(64), reviews(32, seed=1)
PLAN = {"epochs": 3, "batch_size": 32, "learning_rate": 1e-2, "seed": 7, "verbose": 0}
TASK = ("architecture.json", "task.json", "tokenizer.json", "weights.safetensors")


class Copying(keras.callbacks.Callback):
    """What is on disk when epochs have ended: whole, whatever comes between."""

    def __init__(self, directory):
        super().__init__()
        self.directory, self.wholes = directory, []

    def on_train_begin(self, logs=None):
        self.wholes.append(content(self.directory))

    def on_epoch_end(self, epoch, logs=None):
        self.wholes.append(content(self.directory))


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Copies of a training's directory, which held a finished older one, and its whole states."""
    folder = tmp_path_factory.mktemp("training")
    out = folder / "out"
    older = new_task(seed=5, pooling="mean")
    older.fit(TRAIN, VALID, directory=out, **PLAN | {"epochs": 1})
    before, copying = content(out), Copying(out)
    with states(out, folder / "states") as copies:
        history = new_task().fit(TRAIN, VALID, directory=out, callbacks=[copying], **PLAN)
    return copies, [before, *copying.wholes, content(out)], history


def test_every_state_is_that_of_a_whole_epoch(killed, tmp_path):
    copies, wholes, _ = killed
    old = {name: wholes[0][name] for name in TASK}
    assert {name: wholes[1][name] for name in TASK} == old  # the old task stays until epoch 1 ends
    places = []
    for copy in copies:
        state = shutil.copytree(copy, tmp_path / copy.name)
        recover(state)
        places.append(wholes.index(content(state)))
        playmask.load_task(shutil.copytree(copy, tmp_path / f"{copy.name}-load"))
    assert places == sorted(places)
    assert {*places} == {*range(len(wholes))} and len(copies) > 60


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_killed_training_goes_on_after_its_last_whole_epoch(killed, tmp_path, epoch):
    """From the last state before the next epoch is committed, and from the middle of its moves."""
    copies, wholes, history = killed
    middle = []
    for copy in copies:
        state = shutil.copytree(copy, tmp_path / "state")
        recover(state)
        if content(state) == wholes[1 + epoch]:
            middle.append(copy)
        shutil.rmtree(state)
    for copy in (middle[0], middle[-1]):
        place = shutil.copytree(copy, tmp_path / copy.name)
        assert (finished_epochs(place) or 0) == epoch and not is_finished(place)
        again = new_task(seed=99)
        went = again.fit(TRAIN, VALID, directory=place, resume=True, **PLAN)
        assert {name: values[:epoch] for name, values in went.items()} == {
            name: values[:epoch] for name, values in history.items()
        }
        assert len(went["loss"]) == PLAN["epochs"] and is_finished(place)
        assert same_weights(playmask.load_task(place), again)
        assert not leftovers(place) and not (place / ".playmask-training").exists()


@pytest.mark.parametrize("step", [397, pytest.param(7, marks=pytest.mark.whole)])
def test_a_full_disk_ends_a_training_with_the_epoch_before(step, tmp_path, monkeypatch):
    """At some, or every, writing operation of the epochs' ends."""
    new_task(seed=5).save(tmp_path / "out")
    old, outcomes = content(tmp_path / "out"), []
    full = Full(0)

    @contextmanager
    def watched(*arguments):
        with before_each(full), committing(*arguments) as staging:
            yield staging

    for module in (keeping, peer_processes):
        monkeypatch.setattr(module, "committing", watched)
    for number in range(1, 100_000, step):  # the first is to make a folder that is there
        place = shutil.copytree(tmp_path / "out", tmp_path / f"{number}")
        copying, full = Copying(place), Full(number)
        try:
            new_task().fit(
                TRAIN, VALID, directory=place, callbacks=[copying], **PLAN | {"epochs": 2}
            )
        except CheckpointError as error:
            assert "No space left on device" in str(error)
        if not full.names:
            break
        committed = (place / COMMIT).is_dir()
        recover(place)
        outcomes.append(finished_epochs(place) or 2 * is_finished(place))
        if not (committed or is_finished(place)):
            assert content(place) == (copying.wholes or [old])[-1]
        assert not leftovers(place)
        playmask.load_task(place)
    assert outcomes == sorted(outcomes) and {0, 1} <= {*outcomes}, outcomes


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files' sizes")
@pytest.mark.parametrize("limit", [500, 30_000, 60_000])
def test_what_libraries_in_c_cannot_write(limit, tmp_path, monkeypatch):
    """The back-up is HDF5's, an index usearch's: they write past Python, as far as they may."""
    import resource

    new_task(seed=5).save(tmp_path / "out")
    old = content(tmp_path / "out")

    @contextmanager
    def limited(*arguments):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        with committing(*arguments) as staging:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            try:
                yield staging
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)

    monkeypatch.setattr(peer_processes, "committing", limited)
    with pytest.raises(CheckpointError, match=r"out(/\S+)? cannot be written: .*unchanged"):
        new_task().fit(TRAIN, VALID, directory=tmp_path / "out", **PLAN)
    assert content(tmp_path / "out") == old and not leftovers(tmp_path / "out")


def test_what_a_back_up_says_of_its_data(tmp_path):
    """Other examples, and a fingerprint that is no longer whole, are two things."""

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        new_task().fit(TRAIN, VALID, directory=tmp_path, callbacks=[Stop()], **PLAN)
    resume = PLAN | {"directory": tmp_path, "resume": True}
    with pytest.raises(ConfigError, match="was on other examples"):
        new_task().fit(TRAIN[:-1], VALID, **resume)
    (tmp_path / ".playmask-training" / "data.sha256").write_text("")
    with pytest.raises(CheckpointError, match=r"data\.sha256 has 0 bytes, checksums\.json says 64"):
        new_task().fit(TRAIN, VALID, **resume)
    (tmp_path / "checksums.json").unlink()
    with pytest.raises(CheckpointError, match=r"data\.sha256 holds '', not the fingerprint"):
        new_task().fit(TRAIN, VALID, **resume)


def test_a_history_is_json_whatever_was_measured(tmp_path):
    from playmask.runtime.train.backup import read_history, write_history

    history = {"loss": [1.5, 1.0], "val_f1": [float("nan"), 0.5]}
    write_history(tmp_path, history)
    text = (tmp_path / "training.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["val_f1"] == [None, 0.5]
    np.testing.assert_equal(read_history(tmp_path), history)


def test_every_state_within_an_epoch_is_one_to_go_on_from(tmp_path):
    """Before every file operation of a save in the first epoch: nothing, or batch 1, or the end."""
    out = tmp_path / "out"
    with states(out, tmp_path / "states") as copies:
        new_task().fit(TRAIN, directory=out, **PLAN | {"epochs": 1, "save_every": 1})
    positions = []
    for copy in copies:
        positions.append(position_in(copy))
        if positions[-1] is not None:
            playmask.load_task(copy)
    assert [*dict.fromkeys(positions)] == [None, (0, 1), (1, 0)]
