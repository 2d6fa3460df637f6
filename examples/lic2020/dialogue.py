"""LIC 2020, recommendation dialogue (DuRecDial): the missing goals, and a reply from knowledge.

Without a folder of data it learns both from twenty invented dialogues beside it. With one, it
learns replies from `kdconv_subset`, a substitute that has no goals.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer

import playmask
from playmask.metrics.dialogue import dialogue_bleu, dialogue_f1, distinct
from playmask.tasks import Seq2Seq
from scratch import Clock, Epochs, Limit, MaybeData, Out, Width, objects_of, report, small_model

SAMPLE = Path(__file__).parent / "samples" / "durecdial.jsonl"
SOURCE, TARGET = 112, 40  # tokens
KNOWN, VALUE, TURNS = 4, 40, 2  # triples and characters of each, turns before: what is read
MARK = re.compile(r"^\[(\d+)\]")

Triple = tuple[str, str, str]


class Turn(NamedTuple):
    """A reply and what it is made from, the four fields of the baselines' samples."""

    goal: str
    knowledge: list[Triple]
    history: list[str]
    response: str

    @property
    def source(self) -> str:
        """What is read: the goal, the last turns, the knowledge."""
        said = " | ".join(self.history[-TURNS:])
        known = " ; ".join(f"{a} {b} {c[:VALUE]}" for a, b, c in self.knowledge[:KNOWN])
        return f"{self.goal} # {said} # {known}"


def goals_of(row: dict[str, Any]) -> list[str]:
    """The goals of a raw dialogue, without their numbers."""
    return [MARK.sub("", goal) for goal in row["goals"].split("-->")]


def plan_of(row: dict[str, Any]) -> tuple[str, str] | None:
    """The goals in the middle from the first and the last two; None where none is missing.

    What else is read: the situation, the user's profile, and what the knowledge is about.
    """
    goals = goals_of(row)
    if len(goals) < 4:
        return None
    profile = (f"{name} {told(value)}" for name, value in row["user_profile"].items())
    known = dict.fromkeys(subject for subject, _, _ in row["kg"])
    ends = " --> ".join((goals[0], *goals[-2:]))
    source = " # ".join((ends, row["situation"], " ; ".join(profile), " ; ".join(known)))
    return source, " --> ".join(goals[1:-2])


def told(value: str | list[str]) -> str:
    """What a profile says of an attribute: one thing or several."""
    return value if isinstance(value, str) else "、".join(value)


def turns_of(row: dict[str, Any]) -> Iterator[Turn]:
    """The bot's turns, every second one, with the goal that holds and the knowledge that is near.

    Near is a triple that shares most characters with the goal and the turns before.
    """
    goals, current, said = goals_of(row), 0, list[str]()
    for i, text in enumerate(row["conversation"]):
        if begins := MARK.match(text):
            current = int(begins[1]) - 1
            text = text[begins.end() :]
        if i % 2:
            about = {*goals[current], *"".join(said[-TURNS:])}
            near = sorted(row["kg"], key=lambda triple: -len(about & {*"".join(triple)}))
            yield Turn(goals[current], [*map(tuple, near)], said.copy(), text)
        said.append(text)


def grounded_turns(row: dict[str, Any]) -> Iterator[Turn]:
    """The turns of a KdConv dialogue that say something known; its title stands for the goal."""
    messages = row["messages"]
    for i, message in enumerate(messages):
        known = [
            (each["name"], each["attrname"] or "", each["attrvalue"] or "")
            for each in message.get("attrs", ())
        ]
        if i and known:
            said = [each["message"] for each in messages[:i]]
            yield Turn(row["name"], known, said, message["message"])


def scores_of(made: list[str], wanted: list[str]) -> dict[str, float]:
    """The track's metrics."""
    return {
        "F1": 100 * dialogue_f1(made, wanted).f1,
        "BLEU-1": dialogue_bleu(made, wanted, 1),
        "BLEU-2": dialogue_bleu(made, wanted, 2),
        "DISTINCT-1": distinct(made, 1),
        "DISTINCT-2": distinct(made, 2),
    }


class Part(NamedTuple):
    """What is learnt, or asked: plans as (source, target), and turns."""

    plans: list[tuple[str, str]]
    turns: list[Turn]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Both, as sources and targets of one model."""
        return [*self.plans, *((turn.source, turn.response) for turn in self.turns)]


def durecdial(path: Path, limit: int | None = None) -> tuple[Part, Part]:
    """The dialogues of a file in DuRecDial's raw format, every fifth to be asked."""
    rows = objects_of(path, limit)
    train, test = (
        Part(
            [plan for row in part if (plan := plan_of(row))], [t for r in part for t in turns_of(r)]
        )
        for part in ([row for i, row in enumerate(rows) if i % 5], rows[::5])
    )
    return train, test


def kdconv(folder: Path, limit: int | None = None) -> tuple[Part, Part]:
    """Films and places: the dev files to learn from, the test files to be asked; no plans."""
    train, test = (
        [
            turn
            for topic in ("film", "travel")
            for row in objects_of(folder / f"{topic}_{name}.json", limit)
            for turn in grounded_turns(row)
        ]
        for name in ("dev", "test")
    )
    return Part([], train), Part([], test)


def main(
    data: MaybeData = None,
    epochs: Epochs = 8,
    limit: Limit = None,
    width: Width = 128,
    out: Out = Path("runs/examples/lic2020/dialogue"),
) -> None:
    """Learn goals and replies, then score those of dialogues that were not learnt from."""
    train, test = (
        durecdial(SAMPLE, limit) if data is None else kdconv(data / "kdconv_subset", limit)
    )
    texts = [text for pair in train.pairs for text in pair]
    model = small_model(texts, vocabulary=5000, length=SOURCE + TARGET, width=width, mask="unilm")
    task = Seq2Seq.new(model, max_source=SOURCE, max_target=TARGET)
    clock = Clock()
    task.fit(train.pairs, epochs=epochs, learning_rate=1e-3, directory=out)
    seconds = clock()
    sources, wanted = map(list, zip(*test.pairs, strict=True))
    made = task.predict(sources, constrain=playmask.NoRepeat(3))  # no three tokens come twice
    results: dict[str, float] = {
        "learnt": len(train.pairs),
        "replies": len(test.turns),
        "loss": task.evaluate(test.pairs)["loss"],
    }
    count = len(test.plans)
    if count:
        same = [a.replace(" ", "") == b.replace(" ", "") for a, b in zip(made, wanted, strict=True)]
        results["plans, exact"] = sum(same[:count]) / count
        results["plans, F1"] = 100 * dialogue_f1(made[:count], wanted[:count]).f1
    results |= scores_of(made[count:], wanted[count:])
    copied = [turn.knowledge[0][2][:VALUE] for turn in test.turns]
    results["F1 of the first fact"] = 100 * dialogue_f1(copied, wanted[count:]).f1
    results |= {"seconds of training": seconds, "seconds of the rest": clock()}
    report(out, results, zip(sources[count:][:5], made[count:][:5], strict=True))


if __name__ == "__main__":
    typer.run(main)
