"""The three tracks of LIC 2020 that find something: reading, relations and events, on samples."""

import importlib
import json
from pathlib import Path

import pytest
import typer

from playmask.data.events import read_events
from playmask.data.passages import PassageQuestion
from playmask.data.relations import read_relations
from playmask.metrics.reading import reading_scores
from playmask.tasks.reading.base import Answer
from playmask.tasks.registry import task_class

FOLDER = Path(__file__).parents[2] / "examples"
NAMES = ["reading", "relations", "events"]


@pytest.fixture
def baselines(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("lic2020.baselines")


def handed_in(path, name):
    """What a submission says, by question or text: answers, or read again as the readers do."""
    if name == "reading":
        return json.loads(path.read_text("utf-8"))
    read = {"relations": read_relations, "events": read_events}[name]
    return {each.text: each for each in read(path)}


def perfect(example):
    """The answer that is wanted."""
    if isinstance(example, PassageQuestion):
        return Answer(example.answers[0], *example.places[0], 1.0)
    return example[1]


def score(track, found, examples):
    """F1 by the rule of a track, 1 at most."""
    rule = task_class(track.task).metrics[track.name]
    if track.task == "read":
        return reading_scores(found, {each.id: each.answers for each in examples}, rule).f1
    return rule([found[each.text] for each in examples], examples).f1


@pytest.mark.experiments
@pytest.mark.parametrize("name", NAMES)
def test_runs(baselines, name, tmp_path, capsys):
    baselines.main(name, start="new", epochs=1, limit=6, width=32, out=tmp_path)
    results = json.loads((tmp_path / name / "results.json").read_text())
    assert results["loss"] > 0 and results["seconds of training"] > 0
    assert results["learnt"] == 4 and results["examples"] == 2 and 0 <= results["f1"] <= 1
    assert "loss" in capsys.readouterr().out
    assert (tmp_path / name / "task.json").is_file()
    asked = baselines.parts_of(baselines.TRACKS[name], limit=6).test
    path = tmp_path / name / "submission.json"
    if name == "reading":
        answers = json.loads(path.read_text("utf-8"))
        assert [*answers] == [each.id for each in asked]
        assert all(answers[each.id] in each.text for each in asked)
        return
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    key, listed = ("text", "spo_list") if name == "relations" else ("id", "event_list")
    assert [line[key] for line in lines] == [getattr(each, key) for each in asked]
    assert all(isinstance(line[listed], list) for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_read_whole_and_perfect_answers_are_right(baselines, name, tmp_path):
    track = baselines.TRACKS[name]
    parts = baselines.parts_of(track)
    assert len(parts.train) == 16 and len(parts.dev) == 4 and parts.skipped == 0
    examples = [*parts.train, *parts.dev]
    path = tmp_path / "submission.json"
    task_class(track.task).submission(path, examples, [perfect(each) for each in examples])
    if name == "events":  # the file has no texts
        texts = {each.id: each.text for each in examples}
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        path.write_text("".join(json.dumps({**x, "text": texts[x["id"]]}) + "\n" for x in lines))
    assert score(track, handed_in(path, name), examples) == 1.0


def test_samples_show_what_the_tracks_have(baselines):
    """Complex objects, nested and shared names, events of one type, answers without a place."""
    reading, relations, events = (
        [*parts.train, *parts.dev]
        for parts in (baselines.parts_of(baselines.TRACKS[name]) for name in NAMES)
    )
    assert any(len(each.answers) > 1 for each in reading)
    slots = {slot.name for each in relations for r in each.relations for slot in r.object}
    assert slots == {"@value", "inWork", "inArea", "onDate", "period"}
    assert any(r.subject == slot[1:] for e in relations for r in e.relations for slot in r.object)
    types = [[event.type for event in each.events] for each in events]
    assert any(len(set(each)) < len(each) for each in types)
    assert len({type_ for each in types for type_ in each}) > 10
    places = [[{part[:2] for part in event.parts} for event in each.events] for each in events]
    assert any(len(each) == 2 and each[0] & each[1] for each in places)


@pytest.mark.parametrize("name", NAMES)
def test_a_competitions_folder_is_read(baselines, name, tmp_path):
    track = baselines.TRACKS[name]
    folder = tmp_path / track.name
    folder.mkdir()
    sample = baselines.file_of(baselines.SAMPLES, track.name).read_text("utf-8")
    for part in (f"{track.name}_train.json", "dev_data.json", "test1.json"):
        (folder / part).write_text(sample, encoding="utf-8")
    parts = baselines.parts_of(track, tmp_path, limit=12)
    assert [len(each) for each in parts[:3]] == [12, 12, 12] and parts.skipped == 0
    (folder / "test2.json").write_text(sample, encoding="utf-8")
    with pytest.raises(typer.BadParameter, match="2 files"):
        baselines.parts_of(track, tmp_path)
