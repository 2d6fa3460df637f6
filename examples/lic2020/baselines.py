"""LIC 2020, the three tracks that find something: reading, relations and events.

Each is a task of playmask as the posts' baseline has it, from learning to the file that is handed
in. Without a folder of data it learns from twenty invented examples beside it.
"""

import json
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import typer

from playmask.data.examples import Examples, texts_in
from playmask.data.inputs import read_questions, read_texts
from playmask.tasks.registry import SETTINGS, task_class
from scratch import (
    NEW,
    RATES,
    Clock,
    Epochs,
    Limit,
    MaybeData,
    Out,
    Start,
    Width,
    report,
    small_model,
)

SAMPLES = Path(__file__).parent / "samples"


class Track(NamedTuple):
    """A baseline: its task, the name of its data and of their metric, how inputs are read.

    settings: those of the task that are not the default
    """

    task: str
    name: str
    batch_size: int
    inputs: Callable[[Path], Any]
    settings: dict[str, Any]


TRACKS = {
    "reading": Track("read", "dureader", 32, read_questions, {"max_length": 256, "max_answer": 16}),
    "relations": Track(
        "relations", "duie", 16, read_texts, {"max_length": 256, "method": "casrel"}
    ),
    "events": Track("events", "duee", 32, read_texts, {"method": "tags", "multiplier": 100.0}),
}
Name = StrEnum("Name", [*TRACKS])


class Parts(NamedTuple):
    """What is learnt, what is measured on, what is handed in; how many bad ones were left out."""

    train: list[Any]
    dev: list[Any]
    test: list[Any]
    skipped: int


def file_of(folder: Path, name: str) -> Path:
    """The file of JSON in a folder that has a name in its own, as train in duie_train.json."""
    found = [*folder.glob(f"*{name}*.json*")]
    if len(found) != 1:
        raise typer.BadParameter(f"{folder} has {len(found)} files *{name}*.json; one is due.")
    return found[0]


def parts_of(track: Track, data: Path | None = None, limit: int | None = None) -> Parts:
    """The competition's three files; of the samples every fifth is measured on and handed in."""
    read = partial(task_class(track.task).parse, SETTINGS[track.task](), skip_bad=True)
    if data is None:
        rows = read(file_of(SAMPLES, track.name))
        asked = rows[:limit:5]
        train = [row for i, row in enumerate(rows[:limit]) if i % 5]
        return Parts(train, asked, asked, len(rows.skipped))
    train, dev, test = (file_of(data / track.name, name) for name in ("train", "dev", "test"))
    learnt, wanted = read(train), read(dev)
    asked = track.inputs(test)
    skipped = len(learnt.skipped) + len(wanted.skipped)
    return Parts(learnt[:limit], wanted[:limit], asked[:limit], skipped)


def main(
    track: Name,
    data: MaybeData = None,
    start: Start = "zh-small",
    epochs: Epochs = 20,
    limit: Limit = None,
    width: Width = 128,
    out: Out = Path("runs/examples/lic2020"),
) -> None:
    """Learn a track, measure by its rule, and write what is handed in."""
    chosen, out = TRACKS[track], out / track
    kind, parts = task_class(chosen.task), parts_of(chosen, data, limit)
    settings = SETTINGS[chosen.task].of(**chosen.settings)
    settings = kind.learn(settings, Examples([*parts.train, *parts.dev]))
    texts = (text for each in parts.train for text in texts_in(each))
    length = settings.max_length
    new = start == NEW
    body = small_model(texts, vocabulary=5000, length=length, width=width) if new else start
    keras.utils.set_random_seed(0)
    task = kind.new(body, settings)
    clock = Clock()
    history = task.fit(
        parts.train,
        epochs=epochs,
        batch_size=chosen.batch_size,
        learning_rate=RATES.get(start, 2e-5),
        directory=out,
    )
    results = {"learnt": len(parts.train), "skipped": parts.skipped, "loss": history["loss"][-1]}
    results["seconds of training"] = clock()
    results |= task.evaluate(parts.dev, metric=chosen.name)
    answers = task.answer(parts.test)
    task.submission(out / "submission.json", parts.test, answers)
    results["seconds of the rest"] = clock()
    samples = [
        (texts_in(each)[0], json.dumps(task.answer_json(each, answer), ensure_ascii=False))
        for each, answer in zip(parts.test[:5], answers, strict=False)
    ]
    report(out, results, samples)


if __name__ == "__main__":
    typer.run(main)
