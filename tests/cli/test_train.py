"""Training: what it leaves, what it refuses before it begins, and going on after Ctrl-C."""

import contextlib
import json
import shutil
import signal
import sys
import time
import weakref

import pytest

import playmask
from cli.commands import SMALL, call, complaint, reviews, start, write_table

ORACLE = "tests/oracles/transformers/bert_mlm"


@pytest.fixture
def train(data, tmp_path):
    """Call `playmask train classify`, with options in the place of the usual ones."""

    def run(*more, out=tmp_path / "out", file=data / "train.tsv", valid=data / "valid.tsv"):
        return call("train", "classify", file, "--validation", valid, "--out", out, *more)

    return run


def test_a_training_leaves_a_task(trained):
    out, result = trained
    names = {path.name for path in out.iterdir()}
    assert {"task.json", "weights.safetensors", "training.json", "curve.png", "run.json"} <= names
    assert (
        "64 examples for training, 20 for validation; labels 好评 (32), 差评 (32)" in result.stderr
    )
    assert "learning rate: 0.01" in result.stderr
    assert "kept: epoch" in result.stdout and "accuracy" in result.stdout
    classifier = playmask.load_task(out)
    assert classifier.predict("这书真好").label == "好评"
    assert classifier.predict("这书真差").label == "差评"


def test_training_a_pretrained_model(train, request, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(request.config.rootpath / ORACLE, model)
    result = train("--model", model, "--epochs", 1)
    assert "has no tokenizer.json" in " ".join(complaint(result).split())
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"这书真好差第次酒店手机菜电影，"]
    (model / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    assert "the model has 40 positions" in complaint(train("--model", model, "--max-length", 99))
    result = train("--model", model, "--epochs", 1, "--batch-size", 32)
    assert result.exit_code == 0, result.stderr
    assert "model: pretrained" in result.stderr and "learning rate: 2e-05" in result.stderr
    settings = playmask.load_task(tmp_path / "out").settings
    assert settings.max_length == 40 and settings.pairs is False


def test_chinese_texts_start_from_the_model_that_comes_along(train, tmp_path):
    result = train("--epochs", 1, "--max-steps", 1, "--max-length", 8)
    assert result.exit_code == 0, result.stderr
    assert "no --model: zh-small, which comes along, since the texts are Chinese" in result.stderr
    assert "model: pretrained" in result.stderr and "learning rate: 0.0001" in result.stderr
    options = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))["options"]
    assert options["model"] == "zh-small"  # with which --resume goes on


@pytest.mark.parametrize(
    "text", ["a plain book", "この本はとても面白い", "春風又綠江南岸明月何時照我還"]
)
def test_other_texts_start_from_what_is_named(train, tmp_path, text):
    file = write_table(tmp_path / "other.tsv", [(text, "good"), (text, "bad")])
    said = complaint(train(file=file))
    assert "Give --model PATH" in said and "none that comes along (zh-small, Chinese)" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--new", "--model", "x"), "not both"),
        (("--model", "x/y/z", "--width", 8), "--width is for --new"),
        (("--model", "x/y/z"), "There is no checkpoint at x/y/z"),
        (("--new", "--pooling", "men"), "Did you mean 'mean'?"),
        (("--new", "--labels", "好评"), "train.tsv:1: The label '差评' is not one of the labels"),
        (("--new", "--columns", "tekst,label"), "Did you mean 'text'?"),
        (("--new", "--learning-rate", 3), "learning_rate must be between 0 and 1"),
        (("--new", "--multiplier", 0), "multiplier is above 0"),
        (("--new", "--width", 10), "does not divide"),
        (("--new", "--resume", "--force"), "give one of them"),
    ],
)
def test_what_is_refused_before_training(train, tmp_path, more, said):
    assert said in complaint(train(*more))
    assert not (tmp_path / "out" / "weights.safetensors").exists()


def test_bad_data_is_refused_before_training(train, tmp_path):
    bad = write_table(tmp_path / "bad.tsv", [*reviews(4), ("没有标签",), ("别的", "中评")])
    assert "bad.tsv:5: The number of columns is 1" in complaint(train("--new", file=bad))
    assert "bad.tsv:5: " in complaint(train("--new", valid=bad))
    odd = write_table(tmp_path / "odd.tsv", [("别的", "中评")])
    assert "odd.tsv:1: The label '中评' is not one" in complaint(train("--new", valid=odd))
    one = write_table(tmp_path / "one.tsv", reviews(1))
    assert "one label only ('差评')" in complaint(train("--new", file=one, valid=one))
    pairs = write_table(tmp_path / "pairs.tsv", [("甲", "乙", label) for _, label in reviews(4)])
    assert "was trained on single texts" in complaint(train("--new", valid=pairs))
    assert not (tmp_path / "out").exists()


def test_a_finished_task_is_not_lost(train, task, data):
    before = (task / "weights.safetensors").read_bytes()
    assert "already holds a trained model" in complaint(train(*SMALL, out=task))
    assert "is finished; --force begins it anew" in complaint(train("--resume", out=task))
    rate = ("--new", "--force", "--learning-rate", 3)
    assert "learning_rate must be" in complaint(train(*rate, out=task))
    assert "holds the model itself" in complaint(train("--model", task, "--force", out=task))
    assert (task / "weights.safetensors").read_bytes() == before


def test_force_replaces_and_bad_lines_are_counted(train, task, tmp_path):
    out, bad = tmp_path / "copy", tmp_path / "bad.tsv"
    shutil.copytree(task, out)
    write_table(bad, [*reviews(16), ("没有标签",), ("", "好评")])
    small = [word for word in SMALL if word not in ("--learning-rate", "0.01")]
    result = train(*small, "--epochs", 1, "--force", "--skip-bad", out=out, file=bad)
    assert result.exit_code == 0, result.stderr
    assert f"{bad}: 2 bad lines skipped (the first: {bad}:17: " in result.stderr
    assert len(json.loads((out / "training.json").read_text())["loss"]) == 1
    assert "learning rate: 0.001" in result.stderr
    assert json.loads((out / "run.json").read_text())["options"]["learning_rate"] == 1e-3


def test_an_interrupt_that_a_library_swallows_comes_again():
    from playmask.cli.actions.train import Stopping

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Stopping() as stopping:
            stopping.on_train_batch_begin(0)
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                stopping.on_train_batch_begin(1)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupt_where_none_can_be_raised_says_nothing(monkeypatch):
    """In a weak reference's callback Python prints what was raised, and goes on."""
    from playmask.cli.actions.train import Stopping

    class Thing:
        pass

    def raising(error):
        def callback(_):
            raise error

        return callback

    said = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: said.append(what.exc_type))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Stopping():
            things = [Thing(), Thing()]
            kept = [weakref.ref(things[0], raising(KeyboardInterrupt))]
            kept.append(weakref.ref(things[1], raising(ValueError)))
            things.clear()
    finally:
        signal.signal(signal.SIGINT, before)
    assert said == [ValueError] and kept[0]() is None


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def test_interrupted_and_resumed(train, data, tmp_path):
    out, epochs = tmp_path / "out", 40
    files = (data / "train.tsv", "--validation", data / "valid.tsv", "--out", out)
    process = start("train", "classify", *files, *SMALL, "--epochs", epochs)
    wait_for(out / "weights.safetensors", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    last = err.splitlines()[-1]
    assert last.startswith("playmask: interrupted; the best epoch so far is saved in"), err
    assert "Traceback" not in err
    playmask.load_task(out).predict("这书真好")  # whole, whatever it has learned

    assert "--resume to go on" in complaint(train(*SMALL))
    assert "--epochs 7 differs from the interrupted" in complaint(train("--resume", "--epochs", 7))
    result = train("--resume")
    assert result.exit_code == 0, result.stderr
    assert "going on after epoch" in result.stderr
    history = json.loads((out / "training.json").read_text())
    assert len(history["loss"]) == len(history["val_loss"]) == epochs
    assert playmask.load_task(out).evaluate(data / "valid.tsv")["accuracy"] == 1.0
    assert "is finished" in complaint(train("--resume"))


def test_results_alone_go_to_stdout(trained):
    """The lines of epochs are no result."""
    _, result = trained
    assert "epoch 1 of 8: " in result.stderr and "epoch 1 of" not in result.stdout
    assert "of it compiling" in result.stderr and "s left" in result.stderr
    assert result.stdout.startswith("kept: epoch") and "step" not in result.stdout


def test_interrupted_before_the_first_epoch(train, data, tmp_path):
    files = (data / "train.tsv", "--out", tmp_path / "out")
    process = start("train", "classify", *files, *SMALL, "--epochs", 2)
    assert any(line.startswith("training: 2 epochs of 4 steps") for line in process.stderr)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1].startswith("playmask: interrupted; no epoch was complete yet")
    assert train("--resume").exit_code == 0  # with the options of before


def test_swapped_columns_are_told(tmp_path):
    file = tmp_path / "swapped.tsv"
    file.write_text("".join(f"好评\t第{i}条评论\n" for i in range(40)), encoding="utf-8")
    result = call("train", "classify", file, "--out", tmp_path / "out", "--new")
    assert "40 labels in 40 lines" in complaint(result)


def test_a_chinese_header_is_no_example(tmp_path):
    from playmask.data.readers import read_examples

    file = tmp_path / "header.tsv"
    file.write_text("标签\t文本\n好评\t很好\n", encoding="utf-8")
    assert [tuple(e) for e in read_examples(file)] == [("很好", None, "好评")]


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    """A project folder as --out: refused; with --force, nothing of the user's is removed."""
    (tmp_path / "training").mkdir()
    data = write_table(tmp_path / "training" / "train.tsv", reviews(16))
    (tmp_path / "curve.csv").write_text("mine")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    line = ("train", "classify", data, "--out", tmp_path, "--new", *SMALL, "--epochs", 1)
    assert "holds other files" in complaint(call(*line))
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert call(*line, "--force").exit_code == 0
    assert all(p.read_bytes() == content for p, content in before.items())


def test_a_teacher_teaches_and_gives_its_place_to_a_smaller_task(train, trained, data, tmp_path):
    """--teacher labels texts, and says what is not said; --theseus begins as its blocks."""
    teacher = trained[0]
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"{text}\n" for text, _ in reviews(40)), encoding="utf-8")
    small = ("--new", "--width", 8, "--depth", 1, "--attention-heads", 2, "--teacher", teacher)
    distil = ("--label-by-teacher", "--distil", "targets=0", "--epochs", 1)
    result = train(*small, *distil, file=texts)
    assert result.exit_code == 0, result.stderr
    task = playmask.load_task(tmp_path / "out")
    assert task.settings.max_length == 16 and task.training.distil == "targets=0"
    assert len(task.tokenizer) == len(playmask.load_task(teacher).tokenizer)
    place = ("--teacher", teacher, "--theseus", 1, "--epochs", 1)
    assert "no more than the task" in complaint(train(*place, out=tmp_path / "place"))
    assert "max_length is 16 there" in complaint(
        train(*place, "--max-length", 12, out=tmp_path / "place")
    )
    assert "name it: fit(…, teacher=…)" in complaint(train("--theseus", 1, out=tmp_path / "place"))
    assert "not 'regress'" in complaint(
        call("train", "regress", data / "train.tsv", "--out", tmp_path / "r", *small)
    )


def test_adapters_lie_beside_what_they_were_merged_into(train, tmp_path):
    out = tmp_path / "out"
    result = train(*SMALL, "--epochs", 1, "--lora", "rank=2,pattern=query")
    assert result.exit_code == 0, result.stderr
    assert {"adapters.json", "adapters.safetensors"} <= {path.name for path in out.iterdir()}
    assert playmask.load_task(out).training.lora == "rank=2,pattern=query"
    assert train(*SMALL, "--epochs", 1, "--force").exit_code == 0
    assert not (out / "adapters.safetensors").exists()
    assert "no 'ranc'" in complaint(train(*SMALL, "--lora", "ranc=2", "--force"))
