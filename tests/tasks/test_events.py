"""Events: what is learnt is found again, also where events share parts or are of one type."""

import re
from itertools import combinations

import numpy as np
import pytest

import playmask
from playmask.data.annotated import Mention
from playmask.data.events import TRIGGER, Event, Part, Report
from playmask.errors import ConfigError, DataError
from playmask.tasks.extraction.candidate_counts import POINTED
from playmask.tasks.extraction.cliques import cliques
from playmask.tasks.extraction.events import (
    argument_scores,
    by_characters,
    event_scores,
    trigger_scores,
)
from playmask.tasks.extraction.linked_events import largest
from playmask.tasks.extraction.tagged_events import apart
from tasks.made_up import DIGITS, QUICK, model, tokenizer
from tasks.perfect import answered, candidates, shown_whole

WORDS = tokenizer("甲乙丙丁买卖和，。")
METHODS = ("gplinker", "tags")
LABELS = [f"{type_}@{role}" for type_ in "买卖" for role in (TRIGGER, "谁", "物")]


def new_task(method, *, seed=3, **options):
    options = {"tokenizer": WORDS, "max_length": 24, "dropout": 0.0, "size": 16, **options}
    return playmask.EventExtractor.new(model(WORDS, seed=seed), LABELS, method=method, **options)


def report(seed, clauses=1):
    """Clauses such as 甲一买乙三: who, the trigger, and what."""
    random = np.random.default_rng(seed)
    made, events = "", []
    for i in range(clauses):
        made += "。" if i else ""
        type_, start = "买卖"[(seed + i) % 2], len(made)
        sizes = random.integers(1, 3, 2)
        who, what = ("".join(DIGITS[d] for d in random.integers(0, 10, size)) for size in sizes)
        made += f"甲{who}{type_}乙{what}"
        middle = start + 1 + len(who)
        parts = (
            Part(start, middle, "谁"),
            Part(middle, middle + 1, TRIGGER),
            Part(middle + 1, len(made), "物"),
        )
        events.append(Event(type_, parts))
    return Report(made, tuple(sorted(events)))


DATA = [report(i, 1 + i % 4) for i in range(240)]


def told(events):
    return {(event.type, tuple(part[:3] for part in event.parts)) for event in events}


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_and_comes_back(tmp_path, method):
    task = new_task(method, **({"multiplier": 10.0} if method == "tags" else {}))
    data = (
        DATA if method == "gplinker" else [r for r in DATA if len(r.events) < 3]
    )  # one of each type
    task.fit(data, **QUICK | {"epochs": 32})
    for metric in ("arguments", "triggers", "events", "duee"):
        scores = task.evaluate(data[:64], metric=metric)
        assert scores["f1"] > 0.85, (metric, scores)
    sample = [example.text for example in data[:8]]
    found = task.predict(sample)
    assert sum(told(a) == told(b.events) for a, b in zip(found, data, strict=False)) >= 6
    assert all(0 < event.score <= 1 for each in found for event in each)
    again = playmask.load_task(task.save(tmp_path))
    assert again.predict(sample) == found
    long = [report(1000 + i, clauses=4) for i in range(16)]  # in windows that share five tokens
    assert task.evaluate(long, metric="arguments")["f1"] > 0.5


def happening(text, *events):
    """Events of (type, {role: words}), located by their first places."""
    made = []
    for type_, parts in events:
        its = (Part(text.index(w), text.index(w) + len(w), role) for role, w in parts.items())
        made.append(Event(type_, tuple(sorted(its))))
    return Report(text, tuple(sorted(made)))


HARD = {
    "two events of one type": happening(
        "甲一买乙二，甲三买乙四",
        ("买", {"谁": "甲一", "物": "乙二"}),
        ("买", {"谁": "甲三", "物": "乙四"}),
    ),
    "an argument of two events": happening(
        "甲一买乙二和卖乙三",
        ("买", {"谁": "甲一", "物": "乙二"}),
        ("卖", {"谁": "甲一", "物": "乙三"}),
    ),
    "an argument of two events of one type": happening(
        "甲一买乙二和乙三",
        ("买", {"谁": "甲一", "物": "乙二"}),
        ("买", {"谁": "甲一", "物": "乙三"}),
    ),
    "a trigger alone": happening("甲一卖", ("卖", {TRIGGER: "卖"})),
    "nothing": Report("甲一和乙二"),
}  # fmt: skip


def test_events_are_kept_apart():
    task = new_task("gplinker")
    task.fit([*HARD.values()] * 4, **QUICK | {"epochs": 80, "batch_size": 8, "warm_up": 0.0})
    for name, example in HARD.items():
        assert told(task.predict(example.text)) == told(example.events), name


def test_tags_make_one_event_of_a_type():
    """What the baseline cannot do: both events of one type become one."""
    task = new_task("tags", multiplier=10.0)
    both = HARD["two events of one type"]
    task.fit([both] * 8, **QUICK | {"epochs": 40, "batch_size": 8, "warm_up": 0.0})
    [event] = task.predict(both.text)
    assert {part[:3] for part in event.parts} == {p[:3] for e in both.events for p in e.parts}


def test_of_parts_that_overlap_the_longest_is_tagged():
    example = Report("甲一二买", (
        Event("买", (Part(0, 2, "谁"), Part(0, 3, "物"))), Event("卖", (Part(3, 4, "谁"),))
    ))  # fmt: skip
    assert apart(example) == (Mention(0, 3, "买@物"), Mention(3, 4, "卖@谁"))


def said(rows):
    """What a window says whose pointers have the number that stands first in each row."""
    return {
        name: values
        for number, part in enumerate(POINTED)
        for name, values in candidates(
            (row[1:] for row in rows if row[0] == number), f"{part} "
        ).items()
    }


def made_up_event(random, start, stop):
    """An event of three parts, close to each other, between two places."""
    middle, parts = int(random.integers(start, stop)), []
    for role in (TRIGGER, "谁", "物"):
        first = int(np.clip(middle + random.integers(-9, 10), start, stop - 1))
        parts.append(Part(first, min(stop, first + int(random.integers(1, 6))), role))
    return Event("买", tuple(sorted(parts)))


def test_what_lies_whole_in_a_window_is_found_as_it_was_taught():
    """Two events of a type, in texts of up to six windows: just once, and no parts of them."""
    task, random, whole = new_task("gplinker"), np.random.default_rng(0), 0
    for _ in range(150):
        size = int(random.integers(20, 100))
        halves = ((0, size // 2), (size // 2, size))
        example = Report("一" * size, tuple(made_up_event(random, *half) for half in halves))
        found = told(answered(task, example, said))
        for event, (start, stop) in zip(example.events, halves, strict=True):
            if shown_whole(task, example.text, [part[:2] for part in event.parts]):
                whole += 1
                here = {e for e in found if all(start <= part[0] < stop for part in e[1])}
                assert here == told([event])
    assert whole > 100


def test_an_event_that_no_window_shows_whole_comes_in_parts():
    task = new_task("gplinker")
    [first, second, *_] = task.windows(["一" * 39])
    assert (first.first, first.last, second.first, second.last) == (0, 22, 17, 39)
    parts = (Part(1, 2, "谁"), Part(18, 19, TRIGGER), Part(30, 31, "物"))
    found = answered(task, Report("一" * 39, (Event("买", parts),)), said)
    assert told(found) == told([Event("买", parts[:2]), Event("买", parts[1:])])


def test_an_event_is_dropped_for_one_of_its_type_that_holds_all_its_parts():
    one, other, third = Part(0, 1, "谁"), Part(1, 2, TRIGGER), Part(2, 3, "物")
    whole = Event("买", (one, other, third))
    apart = [Event("卖", (one, other)), Event("买", (third, Part(5, 6, "谁")))]
    assert [*largest([Event("买", (one, third)), whole, *apart])] == [whole, *apart]


def test_cliques_are_all_that_cannot_grow():
    """Against trying all sets."""
    random = np.random.default_rng(0)
    for _ in range(50):
        links = {i: set() for i in range(7)}
        for i, j in combinations(links, 2):
            if random.random() < 0.5:
                links[i].add(j)
                links[j].add(i)
        full = [
            {*some}
            for size in range(1, 8)
            for some in combinations(links, size)
            if all(j in links[i] for i, j in combinations(some, 2))
        ]
        wanted = [some for some in full if not any(some < other for other in full)]
        found = [*cliques(links, 1000)]
        assert sorted(found) == sorted(sorted(some) for some in wanted)
    assert len([*cliques({i: set() for i in range(9)}, 4)]) == 4


def test_scores_by_hand():
    begin = (Part(0, 2, "谁"), Part(2, 3, TRIGGER))
    wanted, found = (
        [Report("甲一买乙二", (Event("买", (*begin, Part(start, 5, "物"))),))] for start in (3, 4)
    )
    assert argument_scores(found, wanted) == (0.5, 0.5, 0.5)
    assert trigger_scores(found, wanted) == (1, 1, 1)
    assert event_scores(found, wanted) == (0, 0, 0)
    # 谁 is whole; of 物 one character of two is there: 2·1 / (1 + 2)
    assert by_characters(found, wanted).f1 == pytest.approx((1 + 2 / 3) / 2)
    assert by_characters(wanted, wanted) == event_scores(wanted, wanted) == (1, 1, 1)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ("甲", "not (text, events)"),
        (("甲", [3]), "not a list of Event"),
        (("甲", [Event("买", (Part(0, 2, "谁"),))]), "from 0 to 2"),
        (("甲", [Event("买", ())]), "has 0 parts"),
        (("甲", [Event("借", (Part(0, 1, "谁"),))]), "'借@谁' is not one of the labels"),
    ],
)
def test_examples_that_are_none(example, message):
    with pytest.raises(DataError, match="Example 0.*" + re.escape(message)):
        new_task("gplinker").read([example])


def test_choices_that_cannot_be():
    with pytest.raises(ConfigError, match="no method 'crf'"):
        new_task("crf")
