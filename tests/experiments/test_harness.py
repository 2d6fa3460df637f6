"""The harness of experiments: trials, kept results, reports, texts; nothing here is trained."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cli.commands import call, complaint
from playmask.errors import ConfigError, DataError
from playmask.experiments import EXPERIMENTS, corpora, report, runner
from playmask.experiments.plan import (
    SCALES,
    Claim,
    Desk,
    Experiment,
    Outcome,
    Published,
    Task,
    Training,
    Trial,
    Watch,
    sized,
)

QUALITY = {"plain": 0.5, "better": 0.75, "other": 0.25}


class Counting:
    """Runs trials that cost nothing, and remembers them."""

    def __init__(self) -> None:
        self.ran: list[Trial] = []
        self.prepared = 0
        self.loss = 1.0

    def prepare(self, corpus: corpora.Corpus, sizes: object) -> int:
        self.prepared += 1
        return len(corpus.train)

    def run(self, trial: Trial, desk: Desk) -> Outcome:
        if trial.variant == "broken":
            raise RuntimeError("it broke")
        self.ran.append(trial)
        accuracy = QUALITY[trial.variant] + trial.seed / 100
        training = Training([10, 20], [2.0, self.loss], 4.0, 5.0)
        body = {"width": 8, "depth": 2, "attention_heads": 2, "inner": 16, "vocabulary": 99}
        model = {"parameters": 1234, "operations": 5678, "architecture": body}
        facts, shown = {"learnt from": f"{desk.texts:,} texts"}, {"example": "a | b"}
        metrics = {"accuracy": accuracy, "loss": self.loss}
        return Outcome(metrics, self.loss, 2.0, training, model, facts, shown)


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def experiment(counting: Counting, monkeypatch) -> Experiment:
    """Two tasks, three variants, and texts that need not be read."""
    few = corpora.Corpus("somewhere", ["a text"] * 1500, ["another"])
    monkeypatch.setattr(corpora, "load", lambda *_, **__: few)
    sizes = {
        scale: sized(
            scale, vocabulary=99, length=8, steps=20, batch=4, rate=0.1, more={"smoothing": 0.2}
        )
        for scale in SCALES
    }
    task = Task(
        "first", "The first", "reviews", ("accuracy", "loss"), sizes, counting.prepare, counting.run
    )
    return Experiment(
        "sample",
        "A sample",
        "Nobody 1999",
        (Claim("Better is better.", "first", "accuracy", "better", "plain"),),
        (task, replace(task, name="second", title="The second")),
        lambda sizes: {"plain": {}, "better": {"width": 64}, "other": {"depth": 3}},
        (
            Published("first", "here", "Nobody 1999", True, {"plain": 12.5, "better": 13.5}),
            Published("first", "there", "Somebody 2001", False, {"large": 99.5}),
        ),
    )


def test_every_trial_is_run_once(experiment, counting, tmp_path):
    results = runner.run(experiment, out=tmp_path)
    ran = [(t.seed, t.task.name, t.variant) for t in counting.ran]
    claimed = [(seed, "first", name) for seed in (1, 2) for name in ("plain", "better")]
    names = ("plain", "better", "other")
    assert ran == [*((0, task, name) for task in ("first", "second") for name in names), *claimed]
    assert len(results) == len(ran) and counting.prepared == 3
    again = runner.run(experiment, out=tmp_path)
    assert len(counting.ran) == len(results) and again == results
    assert {f.suffix for f in (tmp_path / "sample" / "default").iterdir()} == {".json"}
    first = results[0]
    assert first["settings"]["data"] == "somewhere"
    assert first["metrics"]["steps_per_second"] == 4.0 and first["metrics"]["parameters"] == 1234
    assert first["training"]["losses"] == [2.0, 1.0] and first["environment"]["keras"]


def test_an_interrupted_run_goes_on(experiment, counting, tmp_path):
    class Interrupting(Watch):
        def begin(self, trial, number, count, kept):
            if number == 4 and not kept:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(experiment, out=tmp_path, seeds=[0], watch=Interrupting())
    assert len(counting.ran) == 3
    kept = []

    class Noting(Watch):
        def begin(self, trial, number, count, kept_already):
            kept.append(kept_already)

    runner.run(experiment, out=tmp_path, seeds=[0], watch=Noting())
    assert kept == [True] * 3 + [False] * 3 and len(counting.ran) == 6


def test_other_settings_are_other_trials(experiment, counting, tmp_path):
    runner.run(experiment, out=tmp_path, seeds=[0], only=["plain"])
    assert len(counting.ran) == 2
    task = experiment.tasks[0]
    longer = replace(
        task, sizes={**task.sizes, "default": replace(task.sizes["default"], steps=40)}
    )
    runner.run(replace(experiment, tasks=(longer,)), out=tmp_path, seeds=[0], only=["plain"])
    assert len(counting.ran) == 3
    wider = replace(experiment, variants=lambda sizes: {"plain": {"width": 8}})
    runner.run(wider, out=tmp_path, seeds=[0])
    assert len(counting.ran) == 5
    runner.run(experiment, out=tmp_path, seeds=[0], only=["plain"])
    assert len(counting.ran) == 5


def test_what_another_experiment_has_computed_is_not_run_again(experiment, counting, tmp_path):
    alike = replace(experiment, variants=lambda sizes: {"plain": {}, "better": {}})
    runner.run(alike, out=tmp_path, seeds=[0])
    assert len(counting.ran) == 4  # within an experiment a name may decide what is computed
    other = replace(
        experiment, name="another", variants=lambda sizes: {"other": {}, "better": {"width": 64}}
    )
    results = runner.run(other, out=tmp_path, seeds=[0])
    ran = [(trial.experiment, trial.variant) for trial in counting.ran[4:]]
    assert ran == [("another", "better")] * 2
    assert [r["settings"]["variant"] for r in results] == ["other", "better"] * 2
    assert {r["settings"]["experiment"] for r in results} == {"another"}
    assert runner.run(other, out=tmp_path, seeds=[0]) == results and len(counting.ran) == 6


def test_a_result_is_whole_or_not_there(experiment, counting, tmp_path):
    broken = replace(experiment, variants=lambda sizes: {"plain": {}, "broken": {}})
    with pytest.raises(RuntimeError):
        runner.run(broken, out=tmp_path, seeds=[0])
    [file] = (tmp_path / "sample" / "default").iterdir()
    file.write_text(file.read_text()[:100])
    runner.run(experiment, out=tmp_path, seeds=[0], only=["plain"])
    assert json.loads(file.read_text())["format"] == 1 and len(counting.ran) == 3


def test_at_smoke_every_variant_learns_one_task(experiment, counting, tmp_path):
    runner.run(experiment, "smoke", out=tmp_path)
    assert [(t.task.name, t.variant) for t in counting.ran] == [
        ("first", "plain"), ("first", "better"), ("first", "other"), ("second", "plain"),
    ]  # fmt: skip
    counting.loss = 1.99
    with pytest.raises(runner.NotLearnedError, match=r"plain learned nothing on first \(seed 7\)"):
        runner.run(experiment, "smoke", out=tmp_path, seeds=[7])


def test_names_that_there_are_not(experiment, tmp_path):
    with pytest.raises(ConfigError, match="no variant 'plane'. Did you mean 'plain'"):
        runner.run(experiment, out=tmp_path, only=["plane"])
    with pytest.raises(ConfigError, match="no scale 'smoky'. Did you mean 'smoke'"):
        runner.run(experiment, "smoky", out=tmp_path)


def test_report(experiment, counting, tmp_path):
    results = runner.run(experiment, out=tmp_path / "out", seeds=[0, 2])
    page = report.write(experiment, "default", results, tmp_path / "page")
    text = page.read_text(encoding="utf-8")
    assert sorted(f.name for f in page.parent.iterdir()) == [
        "raw", "sample-default-claims.png", "sample-default.md", "sample-default.png",
    ]  # fmt: skip
    assert report.read(experiment, "default", page.parent) == results
    assert (
        "| 1 | Better is better. | accuracy (first): better 0.760, plain 0.510 | "
        "+0.250 ± 0.000 (+0.250 to +0.250) | 2 | **yes** |" in text
    )
    assert "| plain | 0.510 ± 0.014 | 1.000 | 4.00 | 1,234 | 5,678 | 12.5 |" in text
    assert "| here † |" in text and "† quoted from memory" in text
    assert "| large | 99.5 |" in text and "| plain | a \\| b |" in text
    assert "20 steps of 4, rate 0.1, dropout 0.1, smoothing 0.2" in text
    assert "seeds 0, 2" in text and "next to nothing" not in text
    counting.loss = 1.95
    results = runner.run(experiment, out=tmp_path / "other", seeds=[0], only=["plain"])
    text = report.write(experiment, "default", results, tmp_path / "page").read_text("utf-8")
    assert "**Learned next to nothing:** plain." in text
    assert "| 1 | Better is better. | not measured |  | 0 |  |" in text
    with pytest.raises(DataError, match="no results"):
        report.write(experiment, "default", [], tmp_path / "page")


def test_a_report_is_drawn_again_from_its_raw_results(experiment, tmp_path, monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, "sample", experiment)
    results = runner.run(experiment, out=tmp_path / "out", seeds=[0, 2])
    page = report.write(experiment, "default", results, tmp_path / "page")
    before = page.read_text(encoding="utf-8")
    page.unlink()
    again = ("experiment", "sample", "--redraw", "--out", tmp_path / "none", "--report")
    assert call(*again, page.parent).exit_code == 0
    assert page.read_text(encoding="utf-8") == before and not (tmp_path / "none").exists()
    assert "there are no raw results" in complaint(call(*again, tmp_path / "other"))
    raw = page.parent / "raw" / "sample-default.jsonl"
    raw.write_text(raw.read_text(encoding="utf-8") + "[]\n", encoding="utf-8")
    wrong = complaint(call(*again, page.parent))
    assert f"sample-default.jsonl:{len(results) + 1}: This is not the result of a trial" in wrong


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_are_whole(name):
    """What claims and published numbers name is there at all scales."""
    experiment = EXPERIMENTS[name]
    tasks = {task.name: task for task in experiment.tasks}
    for scale in SCALES:
        plan = runner.trials(experiment, scale)
        assert {t.task.name for t in plan} == tasks.keys()
        assert {t.variant for t in plan} == experiment.variants(plan[0].sizes).keys()
        for trial in plan:
            assert json.dumps(trial.settings("somewhere"))
        for claim in experiment.claims:
            known = runner.taking_part(experiment, tasks[claim.task], scale)
            assert {claim.left, claim.right} <= known.keys(), claim
            always = (*tasks[claim.task].metrics, *report.ALWAYS)
            assert claim.metric in always, claim
        assert all(published.task in tasks for published in experiment.published)


def test_missing_texts_are_told_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv(corpora.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"nowhere is no folder"):
        corpora.load("titles", None, invent=True)
    monkeypatch.setenv(corpora.VARIABLE, str(tmp_path))
    assert corpora.load("titles", None, invent=True).source == "made up"
    with pytest.raises(DataError, match=r"The data set csl is not in .*--data or in PLAYMASK_DATA"):
        corpora.load("titles", None)
    with pytest.raises(DataError, match="The data set csl is not in"):
        corpora.load("titles", tmp_path, invent=True)


def test_texts_are_read_and_bad_lines_named(tmp_path):
    folder = tmp_path / "multi30k_en_de"
    folder.mkdir()
    for name, lines in (("train", 3), ("test_2016_flickr", 2)):
        (folder / f"{name}.en").write_text("one\n" * lines)
        (folder / f"{name}.de").write_text("eins\n" * lines)
    corpus = corpora.load("translation", tmp_path)
    assert corpus.source == "multi30k_en_de" and corpus.test == [("one", "eins")] * 2
    (folder / "train.de").write_text("eins\n")
    with pytest.raises(DataError, match=r"train.en has 3 lines, .*train.de 1"):
        corpora.load("translation", tmp_path)
    (folder / "train.de").unlink()
    with pytest.raises(DataError, match=r"no file of the same name in German"):
        corpora.load("translation", tmp_path)
    titles = tmp_path / "csl"
    titles.mkdir()
    for name in ("title_dev.json", "title_test.json"):
        (titles / name).write_text('{"abstract": "长", "title": "短"}\n{"title": "短"}\n')
    with pytest.raises(DataError, match=r"title_dev.json:2: .*abstract and title"):
        corpora.load("titles", tmp_path)


@pytest.mark.parametrize("name", corpora.CORPORA)
def test_made_up_texts_are_the_same_each_time(name):
    invent = corpora.CORPORA[name].invent
    first, again, other = (_comparable(invent(30, seed)) for seed in (0, 0, 1))
    assert first == again != other
    labels = {getattr(example, "label", None) for example in invent(100, 0)}
    counts = {"reviews": 2, "categories": 4, "questions": 2, "sentences": 5}
    assert len(labels) == counts.get(name, 1)


def _comparable(examples: list) -> list:
    """Examples with lists in place of arrays."""
    if isinstance(examples[0], tuple):
        return [[getattr(x, "tolist", lambda x=x: x)() for x in each] for each in examples]
    return examples


def test_test_images_show_what_was_never_learnt():
    train, test = corpora.load("shapes", None)[1:]
    groups = [{group for _, caption in part for group in caption.split("，")}
              for part in (train, test)]  # fmt: skip
    assert len(train) == 4000 and len(test) == 1000 and not groups[0] & groups[1]


def test_command_line(tmp_path):
    listed = call("experiment", "--list")
    assert listed.exit_code == 0 and all(name in listed.stdout for name in EXPERIMENTS)
    wrong = {
        ("synthesiser",): "Did you mean 'synthesizer'?",
        ("masks", "--seeds", "0,x"): "--seeds are whole numbers",
        ("masks", "--data", str(tmp_path / "nowhere")): "nowhere is no folder",
        ("masks", "--data", str(tmp_path)): "The data set csl is not in",
        ("key_size", "--only", "usual,2x"): "no variant '2x'",
        ("masks", "--redraw"): "--redraw needs --report",
        (): "Name an experiment",
    }
    for arguments, said in wrong.items():
        result = call("experiment", *arguments, "--out", tmp_path / "out")
        assert said in complaint(result), arguments
    assert not (tmp_path / "out").exists() or not any(Path(tmp_path / "out").rglob("*.json"))
