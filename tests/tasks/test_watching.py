"""What watches a training: logs, measures, early stopping, the clock."""

import csv
import json
import math
import struct
import sys
from itertools import pairwise
from types import SimpleNamespace

import google_crc32c
import keras
import pytest

import playmask
from comparing import numpy_of
from playmask import protobuf
from playmask.errors import ConfigError, DataError
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.schedules import warm_up_then_decay
from playmask.runtime.train.watching.clock import Clock
from playmask.runtime.train.watching.event_log import MASK
from playmask.runtime.train.watching.measures import Measure, best_epoch, stale_epochs
from playmask.runtime.train.watching.table_log import CsvLog, JsonLinesLog, read_table
from tasks.test_classify import new_task, reviews

pytestmark = pytest.mark.backends

BACKEND = keras.backend.backend()
QUICK = {"batch_size": 8, "learning_rate": 1e-2, "verbose": 0}


# Logs


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """The folder of a short training with all logs that are files, and its history."""
    folder = tmp_path_factory.mktemp("logged")
    history = new_task().fit(
        reviews(64),
        reviews(16, seed=1),
        epochs=2,
        directory=folder,
        log=("csv", "jsonl", "tensorboard"),
        log_every=3,
        best="macro_f1",
        **QUICK,
    )
    return folder, history


def test_tables_hold_the_steps_and_the_epochs(logged):
    folder, history = logged
    rows = read_table(folder / "logs" / "steps.csv")
    assert [row["step"] for row in rows] == [1, 3, 6, 8, 9, 12, 15, 16]
    schedule = warm_up_then_decay(1e-2, 16)
    rates = [float(numpy_of(schedule(row["step"] - 1))) for row in rows]
    assert [row["learning_rate"] for row in rows] == pytest.approx(rates, abs=1e-9)
    spans = [row["step"] - before for before, row in zip([0, 1, 3, 6], rows[:4], strict=True)]
    losses = [row["loss"] * span for row, span in zip(rows, spans, strict=False)]
    assert sum(losses) / 8 == pytest.approx(history["loss"][0], rel=1e-5)
    assert history.steps["loss"] == [row["loss"] for row in rows]
    assert history.steps["epochs"] == [row["step"] / 8 for row in rows]
    epochs = read_table(folder / "logs" / "epochs.csv")
    for name in ("loss", "val_loss", "val_macro_f1", "gradient_norm"):
        assert [row[name] for row in epochs] == pytest.approx(history[name])
    assert all(a["seconds"] < b["seconds"] for a, b in pairwise(epochs))


def lines_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_lines_of_json_say_the_same_after_the_options(logged):
    folder, _ = logged
    lines = lines_of(folder / "logs" / "run.jsonl")
    assert lines[0]["event"] == "begin" and lines[0]["options"]["batch_size"] == 8
    steps = [line for line in lines if line["event"] == "step"]
    table = read_table(folder / "logs" / "steps.csv")
    for line, row in zip(steps, table, strict=True):
        assert {name: line[name] for name in row} == row
    assert [line["step"] for line in lines if line["event"] == "epoch"] == [8, 16]


def test_tensorboard_finds_the_scalars(logged):
    folder, history = logged
    (file,) = (folder / "logs").glob("events.out.tfevents.*")
    scalars = dict(scalars_of(file.read_bytes()))
    assert [scalars["epoch/val_loss", step] for step in (8, 16)] == pytest.approx(
        history["val_loss"]
    )
    assert ("step/gradient_norm", 12) in scalars


def scalars_of(data):
    """What a file of events holds: TFRecord's frames, their checksums, the messages."""
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        body = data[12 : 12 + length]
        for part, crc in ((data[:8], data[8:12]), (body, data[12 + length : 16 + length])):
            value = google_crc32c.value(part)
            rotated = ((value >> 15 | value << 17) + MASK) & 0xFFFFFFFF
            assert struct.pack("<I", rotated) == crc
        data = data[16 + length :]
        event = protobuf.parse(body)
        for summary in protobuf.submessages(event, 5):
            for value in protobuf.submessages(protobuf.parse(summary), 1):
                fields = protobuf.parse(value)
                tag = fields[1][0].decode()
                yield (tag, event[2][0]), struct.unpack("<f", fields[2][0])[0]


def test_a_resumed_log_forgets_what_came_after(tmp_path):
    for log, file in ((CsvLog(tmp_path), "steps.csv"), (JsonLinesLog(tmp_path), "run.jsonl")):
        log.open({}, 0)
        for step in (1, 2, 3):
            log.write_step(step, {"epoch": 1, "seconds": 0.5, "loss": 1.0 / step})
        log.close()
        with (tmp_path / file).open("a") as out:
            out.write("4")  # a process was killed
        log.open({}, 2)
        log.write_step(3, {"epoch": 1, "seconds": 0.2, "loss": float("nan")})
        log.close()
    rows = [*csv.reader((tmp_path / "steps.csv").read_text().splitlines())]
    assert [row[0] + row[3] for row in rows] == ["steploss", "11.0", "20.5", "3nan"]
    lines = lines_of(tmp_path / "run.jsonl")
    assert [line["event"] for line in lines] == ["begin", "step", "step", "resume", "step"]
    assert lines[-1]["loss"] is None


def test_a_resumed_log_may_measure_other_values(tmp_path):
    first = {"epoch": 1, "seconds": 0.5, "loss": 2.0, "val_loss": 3.0}
    log = CsvLog(tmp_path)
    log.open({}, 0)
    log.write_epoch(1, first)
    log.close()
    log.open({}, 1)
    log.write_epoch(2, {"epoch": 2, "seconds": 0.2, "loss": 1.0, "accuracy": 0.5})
    log.close()
    rows = read_table(tmp_path / "epochs.csv")
    assert [*rows[0]] == ["step", *first, "accuracy"] == [*rows[1]]
    assert rows[0]["val_loss"] == 3.0 and rows[1]["accuracy"] == 0.5
    assert math.isnan(rows[0]["accuracy"]) and math.isnan(rows[1]["val_loss"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "step, epoch, seconds and others, not with 'a,b'"),
        ("step,epoch,seconds\n1,1,0.5\n2,x,0.5\n", "line 3: .* has 3 numbers.*not '2,x,0.5'"),
        ("step,epoch,seconds\n1,1\n", "line 2: .* has 3 numbers.*not '1,1'"),
        ("step,epoch,seconds\n0,0,1\n", "from 1, not '0,0,1'"),
    ],
)
def test_a_damaged_log_is_refused(tmp_path, text, message):
    (tmp_path / "steps.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "steps.csv")


class FakeRun(SimpleNamespace):
    """A run of Weights & Biases', and of MLflow's."""

    def log(self, values, step):
        self.rows.append((step, values))

    def finish(self):
        self.rows.append("end")


def test_services_get_the_values(monkeypatch, tmp_path):
    from playmask.runtime.train.watching.logs import log_of

    rows, runs = [], []

    def init(**options):
        runs.append(options)
        return FakeRun(id="seven", rows=rows)

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    uri = SimpleNamespace(MLFLOW_TRACKING_URI=SimpleNamespace(get=lambda: None))
    mlflow = SimpleNamespace(
        environment_variables=uri,
        set_tracking_uri=lambda place: runs.append(place),
        start_run=lambda run_id: (
            runs.append(run_id) or SimpleNamespace(info=SimpleNamespace(run_id="m"))
        ),
        log_params=runs.append,
        log_metrics=lambda values, step, run_id: rows.append((step, values)),
        end_run=lambda: rows.append("end"),
    )
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    for name in ("wandb", "mlflow"):
        for step in (0, 4):
            log = log_of(name, tmp_path)
            log.open({"epochs": 2, "clip": None}, step)
            log.write_epoch(step + 4, {"loss": 0.5, "val_loss": float("nan")})
            log.close()
    assert [run.get("id") for run in runs[:2]] == [None, "seven"]
    assert runs[2].startswith("sqlite:") and runs[3:5] == [None, {"epochs": 2}] and runs[-1] == "m"
    assert rows[0][0] == 4 and set(rows[0][1]) == {"epoch/loss", "epoch/val_loss"}
    assert rows[4:] == [(4, {"epoch/loss": 0.5}), "end", (8, {"epoch/loss": 0.5}), "end"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"log": "csvv"}, "no log 'csvv'.*Did you mean 'csv'"),
        ({"log": "csv"}, "give fit a directory"),
        ({"best": "f1:best"}, "highest or lowest"),
        ({"best": "macro_f2"}, "does not measure 'macro_f2'.*'macro_f1'"),
        ({"stop_after": 0}, "from 1"),
    ],
)
def test_what_cannot_be_watched_is_refused(options, sentence):
    options = {name: (v,) if name == "log" else v for name, v in options.items()}
    with pytest.raises(ConfigError, match=sentence):
        new_task().fit(reviews(16), reviews(8), **options, **QUICK)


def test_watching_validation_needs_some_and_packages_are_named(monkeypatch, tmp_path):
    for options in ({"best": "accuracy"}, {"stop_after": 2}):
        with pytest.raises(ConfigError, match="on validation data; give some"):
            new_task().fit(reviews(16), **options, **QUICK)
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"pip install 'playmask\[wandb\]'"):
        new_task().fit(reviews(16), log=("wandb",), directory=tmp_path, **QUICK)
    assert not [*tmp_path.iterdir()]


# Measures


def test_a_measure_has_a_direction():
    names = ("f1", "loss", "mse", "val_loss", "spearman", "wer:lowest", None)
    assert [Measure.of(n).highest for n in names] == [True, False, False, False, True, False, False]


def test_how_long_nothing_was_better():
    history = {"loss": [1.0] * 5, "val_f1": [0.2, 0.5, 0.5, 0.4, 0.5]}
    assert (
        stale_epochs(history, Measure.of("f1")) == 3 and best_epoch(history, Measure.of("f1")) == 4
    )
    assert stale_epochs(history, Measure.of("f1:lowest")) == 4


def test_training_stops_when_nothing_gets_better(tmp_path):
    task, scores = (
        new_task(),
        iter([{"wer": 0.5}, {"wer": 0.4}, {"wer": 0.3}, {"wer": 0.3}, {"wer": 0.6}]),
    )
    task.evaluate = lambda data: next(scores)
    plan = QUICK | {"epochs": 9, "best": "wer:lowest", "stop_after": 2, "directory": tmp_path}
    history = task.fit(reviews(16), reviews(8), **plan)
    assert history["val_wer"] == [0.4, 0.3, 0.3, 0.6]  # the first was asked for its names
    assert json.loads((tmp_path / "training.json").read_text())["val_wer"] == [0.4, 0.3, 0.3, 0.6]
    assert not [*tmp_path.glob(".playmask-training/*")]  # it is finished
    assert playmask.load_task(tmp_path).training.stop_after == 2


# The clock


def test_the_clock_counts_compilation_apart():
    time = [0.0]
    clock = Clock(now=lambda: time[0])
    clock.set_params({"steps": 3, "epochs": 3})
    clock.on_train_begin()
    for epoch in range(2):
        clock.on_epoch_begin(epoch)
        for batch in (0, 2, 1):  # threads may change places
            clock.on_train_batch_begin(batch)
            if BACKEND != "torch" and (epoch, batch) == (0, 0):
                clock.add_loss(None)
            time[0] += 10.0 if (epoch, batch) == (0, 0) else 1.0
            clock.on_train_batch_end(batch, {})
        time[0] += 5.0 if epoch == 0 else 0.5
        clock.on_epoch_end(epoch)
    if BACKEND == "torch":  # nothing is compiled there
        assert (clock.compiling, clock.steps) == (0.0, 6)
        return
    assert (clock.compiling, clock.steps, clock.running) == (10.0, 5, 5.0)
    assert clock.left == 3 * 1.0 + 0.5


def test_steps_beside_a_compilation_say_nothing_of_the_rest():
    time = [0.0]
    clock = Clock(now=lambda: time[0])
    clock.set_params({"steps": 4, "epochs": 1})
    clock.on_train_begin()
    clock.on_epoch_begin(0)
    for batch, (compiled, taken) in enumerate([(0, 20.0), (1, 5.0), (2, 1.0)]):
        clock.set_shapes(compiled, 2)
        clock.on_train_batch_begin(batch)
        time[0] += taken
        clock.on_train_batch_end(batch, {})
        assert clock.left == (None if compiled < 2 else 1.0)
    assert (clock.compiling, clock.running) == (25.0, 1.0)


def test_options_name_the_watching():
    options = TrainingOptions(best="f1", stop_after=3, log=["csv"], log_every=5)
    assert options.log == ("csv",) and options.change(best=None).best is None
