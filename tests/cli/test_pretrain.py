"""`playmask pretrain`: a new model from documents, what it leaves, and what is refused."""

import csv
import json
import math

import pytest

import playmask
from cli.commands import call, complaint
from playmask.files import write_json
from playmask.model.recipes import to_json
from pretraining.pretrainings import DOCUMENTS, WORDS, pretraining

SMALL = ["--max-length", 24, "--batch-size", 8]


@pytest.fixture
def new(tmp_path):
    """The texts of a pretraining and its new model, as the command line names them."""
    (tmp_path / "texts.txt").write_text("\n\n".join(DOCUMENTS), encoding="utf-8")
    architecture = pretraining("mlm").transformer.architecture
    write_json(tmp_path / "architecture.json", to_json(architecture))
    WORDS.save(tmp_path)
    return ["--architecture", tmp_path / "architecture.json", "--tokenizer", tmp_path]


def test_a_new_model_is_made_gone_on_with_and_kept(tmp_path, new):
    texts, out, more = tmp_path / "texts.txt", tmp_path / "out", tmp_path / "more"
    options = [*SMALL, "--epochs", 1]
    begin = ["pretrain", "mlm", texts, "--out", out, *options]

    assert "Give --model PATH" in complaint(call(*begin))
    assert "needs --tokenizer" in complaint(call(*begin, *new[:2]))
    assert "nor a family 'brt'" in complaint(call(*begin, "--architecture", "brt", *new[2:]))
    assert not out.exists()

    done = call(*begin, *new, "--hold-out", 0.1, "--dialects", "huggingface", "--ngrams", 2)
    assert done.exit_code == 0, done.stderr
    assert f"data: {len(DOCUMENTS)} documents" in done.stderr and "kept: epoch 1" in done.output
    (epoch,) = csv.DictReader((out / "logs" / "epochs.csv").read_text("utf-8").splitlines())
    shown = float(done.stderr.rpartition("validation texts: ")[2].split()[0])
    assert shown == pytest.approx(math.exp(float(epoch["val_loss"])), abs=0.01)
    model = playmask.load(out)
    assert len(model.tokenizer) == len(WORDS) and model.head_names == ("mlm",)
    assert playmask.load(out / "huggingface").report.dialect == "huggingface"
    said = json.loads((out / "pretraining.json").read_text("utf-8"))
    assert said["objective"] == "mlm" and said["settings"]["ngrams"] == 2
    assert {"corpus", "logs", "curve.png", "training.json"} <= {p.name for p in out.iterdir()}

    assert "is finished" in complaint(call(*begin, "--resume"))
    assert "already holds a trained model" in complaint(call(*begin, *new))
    again = call("pretrain", "mlm", texts, "--out", more, *options, "--model", out)
    assert again.exit_code == 0, again.stderr
    assert "has its own" in complaint(call(*begin, "--force", "--model", more, *new[2:]))


@pytest.mark.parametrize(
    ("objective", "dialects", "message"),
    [
        ("mlm", "bogus", "The family 'bert' has no dialect 'bogus'"),
        ("mlm", "huggingface,hugingface", "no dialect 'hugingface'. Did you mean 'huggingface'"),
        ("permutation", "huggingface", "save as 'playmask'"),
    ],
)
def test_a_dialect_is_refused_before_anything_is_read(tmp_path, new, objective, dialects, message):
    out = tmp_path / "out"
    write_json(new[1], to_json(pretraining(objective).transformer.architecture))
    line = ["pretrain", objective, tmp_path / "texts.txt", "--out", out, *new, *SMALL]
    assert message in complaint(call(*line, "--dialects", dialects))
    assert not out.exists()


def test_an_interrupted_training_goes_on_by_the_same_objective_within_another_limit(tmp_path, new):
    out = tmp_path / "out"
    line = [tmp_path / "texts.txt", "--out", out, *SMALL, "--epochs", 2]
    begun = call("pretrain", "mlm", *line, *new, "--time-limit", "0s", "--save-every", 3)
    assert begun.exit_code == 0 and "go on with --resume" in begun.stderr, begun.stderr

    other = complaint(call("pretrain", "lm", *line, "--resume"))
    assert "Objective lm differs from the interrupted training's mlm" in other
    rate = complaint(call("pretrain", "mlm", *line, "--resume", "--learning-rate", 0.5))
    assert "--learning-rate 0.5 differs from the interrupted training's" in rate
    free = ["--time-limit", "1h", "--save-every", 100]
    done = call("pretrain", "mlm", *line, "--resume", *free)
    assert done.exit_code == 0 and "going on after batch 1 of epoch 1" in done.stderr, done.stderr
    said = json.loads((out / "run.json").read_text("utf-8"))
    assert said["finished"] and said["objective"] == "mlm"
    assert (said["options"]["time_limit"], said["options"]["save_every"]) == ("1h", 100)
