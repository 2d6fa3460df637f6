"""What bert4keras' scripts leave behind: whole tasks in Keras 2's HDF5, and object checkpoints."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import playmask
from comparing import error, log_softmax, numpy_of
from playmask.errors import CheckpointError, ConfigError
from playmask.model.norms import Condition
from playmask.tasks.saving import arrays_of
from playmask.tokenizers import Tokenizer

ORACLES = Path(__file__).parents[1] / "oracles"
H5, OBJECTS = ORACLES / "bert4keras_h5", ORACLES / "bert4keras_objects"
CLOSE = 2e-5  # of the largest value
INPUTS = {
    "Input-Token": "tokens",
    "Input-Segment": "segments",
    "Encoder-Input-Token": "tokens",
    "Decoder-Input-Token": "target_tokens",
    "Condition": "condition",
    "Subject-Ids": "subject",
}
LIKE, FIVE, TWO = {"like": "bert4keras"}, {"labels": [*"abcde"]}, {"labels": [*"ab"]}
MLM = {"heads": "mlm"}

MODELS = {
    "bert_conditional_lm": {**MLM, "mask": "lm", "condition": Condition(6, 12, "swish")},
    "bert_unilm": {**MLM, "mask": "unilm"},
    "bert_mlm": MLM,
    "gpt": LIKE,
    "gpt2": LIKE,
    "gpt2_ml": {},
}
"""Whole models, whose output is the vocabulary's probabilities."""

TASKS = {
    "albert_classifier": ("classify", {**FIVE, **LIKE}),
    "albert_unshared_classifier": ("classify", {**FIVE, **LIKE, "family": "albert"}),
    "bert_casrel": ("relations", {**FIVE, "bare": "subjects"}),
    "bert_classifier": ("classify", FIVE),
    "bert_crf": ("tag", {**TWO, "multiplier": 10.0}),
    "bert_global_pointer": ("spans", FIVE),
    "bert_keep_tokens": ("classify", FIVE),
    "bert_pooled_classifier": ("classify", {**TWO, "pooler_activation": "linear"}),
    "electra_classifier": ("classify", {**FIVE, "family": "electra"}),
    "nezha_reader": ("read", {**LIKE, "max_length": 32, "max_answer": 4}),
    "roformer_efficient_pointer": ("spans", {**FIVE, **LIKE}),
}
NEAR = {
    "bert_casrel": ("relations", {**FIVE, "bare": "all"}),
    "bert_crf": ("tag", {**TWO, "position": "rotary"}),
    "bert_global_pointer": ("spans", {**FIVE, "activation": "relu"}),
    "bert_pooled_classifier": ("classify", TWO),
    "nezha_reader": ("read", {"position": "nezha", "max_length": 32, "max_answer": 4}),
    "roformer_efficient_pointer": ("spans", {**FIVE, "position": None}),
}
"""The same files as another model, which is not theirs."""


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_texts(["今天天气好，the cat"], minimum=1)


def arrays(folder):
    """Inputs by our names, and outputs in their order."""
    case = dict(np.load(folder / "case.npz"))
    inputs = {INPUTS[n[3:]]: v for n, v in case.items() if n.startswith("in:")}
    floats = {"condition": "float32"}
    inputs = {name: value.astype(floats.get(name, "int32")) for name, value in inputs.items()}
    return inputs, [case[f"out:{k}"] for k in range(sum(n.startswith("out:") for n in case))]


def weights_of(folder):
    return next(iter(folder.glob("best_model.weights")), folder / "bert_model.ckpt")


def outputs(task, inputs):
    """What a task's network says, as its program said it."""
    network = task.network
    if task.name == "read":
        return [numpy_of(network.dense(network.transformer(inputs)["hidden"]))]
    said = [numpy_of(value) for value in network(inputs).values()]
    as_program = {"classify": lambda x: np.exp(log_softmax(x)), "relations": np.exp}
    return [as_program.get(task.name, lambda x: x)(value) for value in said]


def differences(task, folder):
    """How far each output is from the program's; theirs is -1e12 or -inf where ours is hidden."""
    inputs, targets = arrays(folder)
    for value, target in zip(outputs(task, inputs), targets, strict=True):
        there = np.isfinite(target) & (target > -1e8)
        hidden = value[~there]
        assert task.name == "tag" or (hidden < -1e8).all()
        yield error(np.where(there, value, 0), np.where(there, target, 0))


@pytest.mark.backends
@pytest.mark.parametrize("case", MODELS)
def test_a_whole_model_computes_what_its_program_did(case):
    model = playmask.load(weights_of(H5 / case), **MODELS[case])
    inputs, (target,) = arrays(H5 / case)
    assert not model.report.fresh and model.report.dialect == "bert4keras"
    assert error(log_softmax(model(inputs)["logits"]), np.log(target)) < CLOSE


@pytest.mark.backends
@pytest.mark.parametrize("case", ["mt5_1_1", "t5_1_0", "roformer_v2_mlm"])
def test_the_logits_of_a_whole_model_are_its_program_s(case):
    inputs, (target,) = arrays(H5 / case)
    model = playmask.load(weights_of(H5 / case), **MLM, **LIKE)
    assert not model.report.fresh and error(model(inputs)["logits"], target) < CLOSE


def test_a_trained_mt5_computes_something_else():
    inputs, (target,) = arrays(H5 / "mt5_1_1")
    model = playmask.load(weights_of(H5 / "mt5_1_1"))
    assert error(model(inputs)["logits"], target) > 100 * CLOSE


@pytest.mark.parametrize(
    ("case", "task", "options"),
    [
        ("bert_mlm", "mask-fill", {}),
        ("bert_unilm", "seq2seq", {"max_source": 20, "max_target": 10}),
        ("gpt2_ml", "language-model", {}),
    ],
)
def test_a_task_without_a_head_of_its_own(case, task, options, tokenizer):
    task = playmask.load_task(weights_of(H5 / case), task=task, tokenizer=tokenizer, **options)
    inputs, (target,) = arrays(H5 / case)
    logits = task.transformer(inputs)["logits"]
    assert error(log_softmax(logits), np.log(target)) < CLOSE


@pytest.mark.backends
@pytest.mark.parametrize("case", TASKS)
def test_a_task_computes_what_its_program_did(case, tokenizer, tmp_path):
    name, options = TASKS[case]
    task = playmask.load_task(weights_of(H5 / case), task=name, tokenizer=tokenizer, **options)
    assert max(differences(task, H5 / case)) < CLOSE
    report = task.transformer.report
    assert not report.fresh and any(item.ours.startswith("task/") for item in report.loaded)
    assert {item.theirs for item in report.ignored} <= {"Embedding-Relative-Position/embeddings"}
    again = playmask.load_task(task.save(tmp_path / "task"))
    assert again.settings == task.settings
    before, after = arrays_of(task.network), arrays_of(again.network)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("case", NEAR)
def test_another_model_computes_something_else(case, tokenizer):
    name, options = NEAR[case]
    task = playmask.load_task(weights_of(H5 / case), task=name, tokenizer=tokenizer, **options)
    assert max(differences(task, H5 / case)) > 5 * CLOSE


def test_transitions_count_as_often_as_the_multiplier_says(tokenizer):
    """bert4keras stores them divided by its lr_multiplier, which no file says."""
    path = weights_of(H5 / "bert_crf")
    one, ten = (
        playmask.load_task(path, task="tag", tokenizer=tokenizer, **TWO, multiplier=factor)
        for factor in (None, 10.0)
    )
    with h5py.File(path) as file:
        stored = file["conditional_random_field_1/conditional_random_field_1/trans:0"][:]
    assert np.array_equal(numpy_of(one.network.tagger.transitions), stored)
    assert error(ten.network.tagger.transitions, 10 * stored) < 1e-6
    assert any("lr_multiplier" in note for note in one.transformer.report.notes)


@pytest.mark.backends
def test_object_checkpoints(tokenizer):
    """Of a pretraining with its optimizer's state, and of a task."""
    inputs, targets = arrays(OBJECTS / "bert_mlm")
    path = OBJECTS / "bert_mlm" / "bert_model.ckpt"
    model = playmask.load(path, heads=["pool", "mlm"], family="bert")
    out = model(inputs)
    assert error(out["pooled"], targets[0]) < CLOSE and error(out["logits"], targets[1]) < CLOSE
    assert not model.report.fresh
    ignored = {item.reason for item in model.report.ignored}
    assert ignored == {"optimizer's state", "a string"} or ignored == {"optimizer's state"}
    path = OBJECTS / "bert_classifier" / "bert_model.ckpt"
    task = playmask.load_task(path, task="classify", tokenizer=tokenizer, **FIVE)
    assert max(differences(task, OBJECTS / "bert_classifier")) < CLOSE


def test_what_was_guessed_is_said(tokenizer, tmp_path):
    """A file alone, whose name says no family; a pruned vocabulary; a condition."""
    shutil.copy(weights_of(H5 / "bert_classifier"), tmp_path / "best_model.weights")
    config = H5 / "bert_classifier" / "config.json"
    notes = playmask.load(tmp_path / "best_model.weights", config=config).report.notes
    assert "taken for 'bert'; 'albert' or 'electra' computes the same" in notes[0]
    notes = playmask.load(weights_of(H5 / "bert_keep_tokens")).report.notes
    assert notes == ("vocabulary is 40 in the tensors, where the configuration has 80",)
    notes = playmask.load(weights_of(H5 / "bert_conditional_lm"), heads=[]).report.notes
    assert "a condition of 6 numbers, whose activation no file says" in notes[0]


def test_the_tokenizer_of_a_pruned_vocabulary_is_pruned_too(tmp_path):
    shutil.copytree(H5 / "bert_keep_tokens", tmp_path / "pruned")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(chr(0x4E00 + i) for i in range(36))]
    words += [f"##{chr(0x4E00 + i)}" for i in range(40)]
    (tmp_path / "pruned" / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    path = tmp_path / "pruned" / "best_model.weights"
    model = playmask.load(path)
    assert [*model.tokenizer.vocabulary] == words[:40]
    assert "the 40 tokens of bert4keras' simplified=True" in model.report.notes[-1]
    keep = [0, 1, 2, 3, *range(40, 76)]
    tokenizer = playmask.load(path, keep_tokens=keep).tokenizer
    assert [*tokenizer.vocabulary] == [words[i] for i in keep]
    (tmp_path / "pruned" / "vocab.txt").write_text("\n".join([*words[:39], *words[40:]]))
    with pytest.warns(UserWarning, match="79 tokens and the weights 40 rows"):
        assert playmask.load(path).tokenizer is None


WRONG = [
    ("bert_crf", {}, "does not say its task; it holds conditional_random_field_1 .* task='tag'"),
    ("bert_crf", {"task": "tag"}, "does not name its labels: .* dense_13 with kernel"),
    ("bert_crf", {"task": "tag", "labels": [*"abc"]}, r"\(32, 5\), where 'tag' .* needs \(32, 7\)"),
    ("bert_crf", {"task": "spans", **TWO}, "has not the head of a task 'spans'; it holds .*'tag'"),
    ("bert_crf", {"task": "tag", "tagger": "memm", **TWO}, "has not the head of a task 'tag'"),
    ("bert_crf", {"task": "tag", "multipler": 3, **TWO}, "no setting 'multipler'. Did you mean"),
    ("bert_crf", {"task": "events", **TWO}, "has not the head of a task 'events'|nothing for"),
    ("bert_classifier", {"task": "mask-fill"}, "has not the head of a task 'mask-fill'"),
    ("gpt2_ml", {"task": "classify", **TWO}, "has not the head of a task 'classify'; it holds no"),
    ("albert_classifier", {"task": "pattern", **TWO}, "has not the head of a task 'pattern'"),
]


@pytest.mark.parametrize(("case", "options", "sentence"), WRONG)
def test_wrong_guesses_are_one_sentence(case, options, sentence, tokenizer):
    with pytest.raises((CheckpointError, ConfigError), match=sentence) as caught:
        playmask.load_task(weights_of(H5 / case), tokenizer=tokenizer, **options)
    assert "\n" not in str(caught.value)


def test_a_model_without_the_head_that_a_task_needs(tmp_path, tokenizer):
    with (
        h5py.File(tmp_path / "x.weights", "w") as ours,
        h5py.File(weights_of(H5 / "bert_mlm")) as m,
    ):
        for layer in m:
            if not layer.startswith("MLM"):
                m.copy(layer, ours)
    config = H5 / "bert_mlm" / "config.json"
    with pytest.raises(CheckpointError, match="lacks mlm/bias, which a task 'mask-fill'"):
        playmask.load_task(
            tmp_path / "x.weights", task="mask-fill", config=config, tokenizer=tokenizer,
            family="bert",
        )  # fmt: skip


def test_layers_that_belong_to_nothing_are_named(tmp_path, tokenizer):
    """Of the model an error; of the head named, with what they hold."""
    path = tmp_path / "x.weights"
    shutil.copy(weights_of(H5 / "bert_classifier"), path)
    with h5py.File(path, "a") as file:
        file["dense_99/dense_99/kernel:0"] = np.ones((5, 5), "float32")
    config = H5 / "bert_classifier" / "config.json"
    options = {"config": config, "family": "bert", "tokenizer": tokenizer}
    with pytest.raises(CheckpointError, match=r"dense_99 with kernel \(5, 5\), which is no task's"):
        playmask.load_task(path, task="classify", **FIVE, **options)
    assert any(
        i.theirs == "dense_99/kernel"
        for i in playmask.load(path, config=config, family="bert").report.ignored
    )
    with h5py.File(path, "a") as file:
        file["Transformer-0-Extra/kernel:0"] = np.ones((5, 5), "float32")
    with pytest.raises(CheckpointError, match="Transformer-0-Extra/kernel .* belongs to no weight"):
        playmask.load(path, config=config, family="bert")


def test_files_are_read_and_never_written(tmp_path):
    model = playmask.load(weights_of(H5 / "bert_classifier"))
    with pytest.raises(CheckpointError, match="read and never written; .*'google'"):
        playmask.save(model, tmp_path / "x", "bert4keras")
    again = playmask.load(playmask.save(model, tmp_path / "x", "google"))
    inputs, _ = arrays(H5 / "bert_classifier")
    assert error(again(inputs)["hidden"], model(inputs)["hidden"]) == 0


def test_convert_to_a_task_and_inspect(tmp_path, tokenizer):
    from typer.testing import CliRunner

    from playmask.cli.app import app

    shutil.copy(weights_of(H5 / "bert_crf"), tmp_path / "best_model.weights")
    shutil.copy(H5 / "bert_crf" / "config.json", tmp_path / "bert_config.json")
    tokenizer.save(tmp_path, vocab=True)
    path, out = str(tmp_path / "best_model.weights"), str(tmp_path / "out")
    line = ["convert", path, out, "--task", "tag", "--labels", "PER,LOC", "--set", "multiplier=100"]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.stderr
    task = playmask.load_task(out)
    assert task.settings.labels == ("PER", "LOC") and task.settings.multiplier == 100
    result = CliRunner().invoke(app, ["inspect", path, "--json"])
    assert "which makes task='tag'" in result.stdout
    result = CliRunner().invoke(app, ["convert", path, f"{out}2", *line[3:-1], "multiplier"])
    assert "--set takes NAME=VALUE" in result.stderr
