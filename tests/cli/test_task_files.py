"""playmask new and run: a training whose options stand in a file, as the command line has them."""

import re

import pytest
import yaml

from cli.commands import SMALL, call, complaint, reviews, write_table
from playmask.cli.actions import start
from playmask.cli.actions.task_file import parameters, read_task_file, template
from playmask.cli.commands.train import parameters_of_task
from playmask.tasks.registry import SETTINGS


def write(folder, *lines, task="classify"):
    path = folder / "task.yaml"
    path.write_text("\n".join((f"task: {task}", "train: a.tsv", "out: out", *lines)), "utf-8")
    return path


@pytest.mark.parametrize("task", SETTINGS)
def test_a_template_has_every_option_with_its_default(tmp_path, task):
    text = template(SETTINGS[task], "runs/a").replace("\ntrain:\n", "\ntrain: a.tsv\n")
    path = tmp_path / "task.yaml"
    path.write_text(text, "utf-8")
    plain = read_task_file(path)
    assert plain.settings is SETTINGS[task] and plain.text == text
    named = [name for name in parameters_of_task(SETTINGS[task]) if name not in ("resume", "force")]
    assert [*plain.options] == named
    defaults = {name: each.default for name, each in parameters(SETTINGS[task]).items()}
    assert {name for name in named if plain.options[name] != defaults[name]} == {"train", "out"}
    for name in named:  # as a comment is taken away from one after the other
        text = text.replace(f"\n# {name}:", f"\n{name}:")
    assert yaml.safe_load(text).keys() == {"task", *named}
    path.write_text(text, "utf-8")
    assert read_task_file(path).options["epochs"] == 3


@pytest.mark.parametrize("task", SETTINGS)
def test_a_template_is_explained_in_the_readers_language(task, monkeypatch):
    comments = []
    for language in ("en", "zh"):
        monkeypatch.setenv("PLAYMASK_LANG", language)
        lines = template(SETTINGS[task], "runs/a").splitlines()
        comments.append({x for x in lines if x.startswith("# ") and not re.match(r"# \w+:", x)})
    assert len(comments[1]) > 70 and not comments[0] & comments[1]


def test_a_file_says_what_the_command_line_does(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(start, "run", lambda *job: seen.append(job))
    line = ["--learning-rate", "2e-5", "--labels", "b,a", "--new", "--warm-up", "0"]
    line += ["--log", "csv,jsonl", "--skip-bad", "--validation", "b.tsv"]
    line += ["--columns", "text=内容,label=情感"]
    file = write(
        tmp_path,
        "learning-rate: 2e-5",
        "labels: [b, a]",
        "new: true  # a small one",
        "columns: [text=内容, label=情感]",
        "warm_up: 0",
        "log:\n  - csv\n  - jsonl",
        "skip_bad: true",
        "multiple: false",
        "validation: b.tsv",
        "model:",
    )
    for force in ((), ("--force",)):
        assert call("train", "classify", "a.tsv", "--out", "out", *line, *force).exit_code == 0
        assert call("run", file, *force).exit_code == 0
        one, other = seen[-2:]
        assert one[0] is other[0] and one[2] == other[2]
        assert one[1]._replace(task_file=file.read_text("utf-8")) == other[1]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["", "epoch: 3"], "task.yaml:5: A task 'classify' has no option 'epoch'. Did you mean"),
        (["epochs: many"], "task.yaml:4: epochs is 'many'; a whole number is due."),
        (["seed: 1", "new: 3"], "task.yaml:5: new is '3'; true or false is due."),
        (["batch_size: 0"], "task.yaml:4: batch_size is from 1, not 0."),
        (["seed: 1", "optimizer: adamm"], "task.yaml:5: "),
        (["pooling: men"], "task.yaml:4: There is no pooling 'men'. Did you mean"),
        (["lora: 8", "theseus: 3"], "task.yaml: lora trains adapters alone, theseus whole blocks"),
        (["seed: 1", "seed: 2"], "task.yaml:5: seed came before."),
        (["seed: {a: 1}"], "task.yaml:4: 'seed' has no value, nor a list of values."),
        (["labels: [a, [b]]"], "task.yaml:4: 'labels' has no value"),
        (["labels: [a"], "task.yaml:4: The file is not YAML (expected ',' or ']'"),
        (["out:"], "task.yaml:4: out came before."),
        (["labels: " + "[" * 1500], "The file is not YAML"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(tmp_path, lines, reason):
    assert reason in complaint(call("run", write(tmp_path, *lines)))


def test_files_without_a_task(tmp_path):
    path = tmp_path / "task.yaml"
    for text, reason in (
        ("task: classfy\n", "task.yaml:1: task is 'classfy', no task. Did you mean 'classify'?"),
        ("train: a.tsv\n", "task.yaml: task is None, no task. classify, regress,"),
        ("task: tag\nout: a\ntrain:\n", "task.yaml: train is missing. Texts with mentions"),
        ("- a\n", "task.yaml: The file has no options; lines such as epochs: 3 are due."),
    ):
        path.write_text(text, "utf-8")
        assert reason in complaint(call("run", path))
    assert "There is no such file" in complaint(call("run", tmp_path / "b.yaml"))


def test_new_and_run(tmp_path):
    file, out = tmp_path / "a.yaml", tmp_path / "out"
    assert "no task 'classfy'. Did you mean" in complaint(call("new", "classfy", file))
    result = call("new", "classify", file)
    assert result.exit_code == 0 and f"then: playmask run {file}" in result.stderr
    assert "is there already" in complaint(call("new", "classify", file))
    assert "a.yaml: train is missing. Labelled texts" in complaint(call("run", file))
    table = write_table(tmp_path / "a.tsv", reviews(8))
    small = [f"{name[2:]}: {value}" for name, value in zip(SMALL[1::2], SMALL[2::2], strict=True)]
    lines = [f"task: classify\ntrain: {table}\nout: {out}\nnew: true\nepochs: 1", *small]
    file.write_text("\n".join(lines), "utf-8")
    result = call("run", file)
    assert result.exit_code == 0, result.stderr
    assert (out / "task.yaml").read_text("utf-8") == file.read_text("utf-8")
    assert "already holds a trained model" in complaint(call("run", file))
