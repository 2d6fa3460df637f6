"""A task of one's own: one file, one settings class, one line of registration."""

import json

import numpy as np
import pytest

import playmask
from cli.commands import SMALL, call
from playmask.data.readers import read_examples
from playmask.errors import ConfigError
from playmask.model.recipes import option, recipe
from playmask.tasks import registry
from playmask.tasks.classification.network import ClassifierNetwork
from playmask.tasks.classification.regress import Numbers
from playmask.tasks.classification.settings import RegressorSettings
from playmask.tasks.classification.text_task import TextTask
from playmask.tasks.registry import register


@recipe
class CountingSettings(RegressorSettings):
    """Settings of a CountingTask."""

    task = "count-characters"
    summary = "Train a model that counts a character."
    data = "Texts: .txt with one a line."
    character: str = option(default="书", text="What is counted.")


class CountingTask(TextTask):
    """Counts how often a character stands in a text; its labels make themselves."""

    settings_class = CountingSettings
    best = "pearson"

    @staticmethod
    def space_of(settings):
        return Numbers(settings)

    @classmethod
    def build_network(cls, transformer, tokenizer, settings):
        return ClassifierNetwork(transformer, 1, settings.pooling, settings.dropout)

    @classmethod
    def parse(cls, settings, path, *, columns=None, skip_bad=False):
        return read_examples(path, labelled=False, columns=columns, skip_bad=skip_bad)

    def check(self, example):
        text = example if isinstance(example, str) else example.text
        return super().check((text, text.count(self.settings.character)))


@pytest.fixture
def registered():
    """The one line; the table is as before afterwards."""
    register(CountingSettings, CountingTask)
    yield
    del registry.SETTINGS["count-characters"], registry.TASKS["count-characters"]


def test_a_toy_task_works_through_the_command_line(registered, tmp_path):
    random = np.random.default_rng(0)
    lines = ["".join(random.choice([*"书好的人"], 8)) for _ in range(200)]
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert "count-characters" in call("train", "--help").stdout
    shown = " ".join(call("train", "count-characters", "--help").stdout.split())
    assert "--character" in shown and "What is counted. Default: 书." in shown
    out = tmp_path / "out"
    arguments = ("train", "count-characters", file, "--validation", file, "--out", out, *SMALL)
    result = call(*arguments, "--epochs", 8, "--character", "好")
    assert result.exit_code == 0, result.stderr
    saved = json.loads((out / "task.json").read_text(encoding="utf-8"))
    assert saved["task"] == "count-characters" and saved["settings"]["character"] == "好"
    scores = json.loads(call("evaluate", out, file, "--json").stdout)
    assert scores["examples"] == 200 and scores["pearson"] > 0.8
    many, none = (
        json.loads(call("predict", out, "--text", text).stdout)["score"]
        for text in ("好好好好好好好好", "书书书书书书书书")
    )
    assert many > none + 2
    again = playmask.load_task(out)
    assert isinstance(again, CountingTask) and again.settings.character == "好"
    assert again.predict("好" * 8) == pytest.approx(many, abs=1e-4)


def test_before_its_line_there_is_no_such_task():
    result = call("train", "count-characters", "x", "--out", "y")
    assert result.exit_code == 2 and "count-characters" in result.stderr


def test_a_name_is_registered_once(registered):
    with pytest.raises(ConfigError, match="needs another name"):
        register(CountingSettings, "elsewhere:Task")
    register(CountingSettings, CountingTask)  # the same again is no harm


def test_each_example_is_checked_once_and_tokenised_once(tmp_path, monkeypatch):
    """In a training from the command line, and in one by `fit`."""
    from playmask.tasks.extraction.sequence_tagger import SequenceTagger
    from playmask.tokenizers import Tokenizer

    checks, encoded = [], []
    check, encode = SequenceTagger.check, Tokenizer.encode

    def counting_check(self, example):
        checks.append(example.text)
        return check(self, example)

    def counting_encode(self, texts, *rest, **options):
        encoded.extend([texts] if isinstance(texts, str) else texts)
        return encode(self, texts, *rest, **options)

    monkeypatch.setattr(SequenceTagger, "check", counting_check)
    monkeypatch.setattr(Tokenizer, "encode", counting_encode)
    texts = [f"王芳在家{'一' * i}" for i in range(6)]
    mentions = [{"start": 0, "end": 2, "label": "PER"}]
    file = tmp_path / "train.jsonl"
    rows = ({"text": text, "mentions": mentions} for text in texts)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = call("train", "tag", file, "--out", tmp_path / "out", *SMALL, "--epochs", 2)
    assert result.exit_code == 0, result.stderr
    assert sorted(checks) == sorted(texts) and sorted(encoded) == sorted(texts)
    task = playmask.load_task(tmp_path / "out")
    checks.clear(), encoded.clear()
    task.fit(file, epochs=2, verbose=0)
    assert sorted(checks) == sorted(texts) and sorted(encoded) == sorted(texts)
