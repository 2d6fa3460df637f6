"""Relations: what is learnt is found again, also where triples share their ends."""

import re

import numpy as np
import pytest
from keras import ops

import playmask
from playmask.data.relations import VALUE, Related, Relation, Slot, triple_of
from playmask.errors import ConfigError, DataError
from playmask.metrics.relations import Triple
from playmask.tasks.extraction.relation_method import objects_of
from tasks.made_up import DIGITS, QUICK, model, tokenizer
from tasks.perfect import answered, candidates, shown_whole

WORDS = tokenizer("甲乙丙丁爱恨和，。")
METHODS = ("gplinker", "casrel")
LABELS = ["爱", "恨"]


def new_task(method, labels=LABELS, *, seed=3, **options):
    options = {"tokenizer": WORDS, "max_length": 24, "dropout": 0.0, "size": 16, **options}
    return playmask.RelationExtractor.new(model(WORDS, seed=seed), labels, method=method, **options)


def text(seed, clauses=2):
    """Clauses such as 甲12爱乙3: a name is a letter and its digits, and 和 joins two objects."""
    random = np.random.default_rng(seed)
    made, relations = "", []

    def name():
        nonlocal made
        start = len(made)
        made += "甲乙丙丁"[random.integers(4)]
        made += "".join(DIGITS[i] for i in random.integers(0, 10, random.integers(1, 3)))
        return start, len(made)

    for i in range(clauses):
        made += "。" if i else ""
        subject, predicate = name(), LABELS[random.integers(2)]
        made += predicate
        for again in range(1 + random.integers(2)):
            made += "和" if again else ""
            relations.append(Relation(subject, predicate, (Slot(VALUE, *name()),)))
    return Related(made, tuple(relations))


DATA = [text(i, clauses=2 + i % 2 * 2) for i in range(320)]  # some are read in windows
EPOCHS = {"gplinker": 24, "casrel": 40}


def test_few_tokens_are_ends_to_begin_with():
    task = new_task("casrel")
    rows = task.encode_examples(DATA[:8]).rows
    inputs = {name: np.array([row[name][:8] for row in rows]) for name in rows[0]}
    outputs = task.network({**inputs, "subject": np.zeros((len(rows), 2), "int32")})
    chances = {name: np.exp(ops.convert_to_numpy(each)) for name, each in outputs.items()}
    assert 0.01 < np.median(chances["subjects"]) < 0.1
    assert 0.0001 < np.median(chances["objects"]) < 0.01


def places(relations):
    return {relation[:3] for relation in relations}


@pytest.mark.backends("jax")
@pytest.mark.parametrize("method", METHODS)
def test_it_learns_and_comes_back(tmp_path, method):
    task = new_task(method)
    task.fit(DATA, **QUICK | {"epochs": EPOCHS[method]})
    scores = task.evaluate(DATA[:64])
    assert scores["f1"] > 0.85, scores
    assert task.evaluate(DATA[:64], metric="duie")["f1"] == pytest.approx(scores["f1"])
    sample = [example.text for example in DATA[:8]]
    found = task.predict(sample)
    assert sum(places(a) == places(b.relations) for a, b in zip(found, DATA, strict=False)) >= 5
    assert all(0 < relation.score <= 1 for each in found for relation in each)
    again = playmask.load_task(task.save(tmp_path))
    assert again.predict(sample) == found
    long = [text(1000 + i, clauses=4) for i in range(16)]  # in windows that share five tokens
    assert task.evaluate(long)["f1"] > 0.5


def related(text, *triples):
    """Relations of (subject, predicate, {slot: name}), located by their first places."""

    def at(name):
        return text.index(name), text.index(name) + len(name)

    relations = (
        Relation(
            at(subject), predicate, tuple(Slot(name, *at(each)) for name, each in slots.items())
        )
        for subject, predicate, slots in triples
    )
    return Related(text, tuple(relations))


OVERLAPS = {
    "one subject, two objects": related(
        "甲一爱乙二和丙三", ("甲一", "爱", {VALUE: "乙二"}), ("甲一", "爱", {VALUE: "丙三"})
    ),
    "one object, two subjects": related(
        "甲一和乙二恨丙三", ("甲一", "恨", {VALUE: "丙三"}), ("乙二", "恨", {VALUE: "丙三"})
    ),
    "one pair, two predicates": related(
        "甲一爱恨乙二", ("甲一", "爱", {VALUE: "乙二"}), ("甲一", "恨", {VALUE: "乙二"})
    ),
    "subject and object of each other": related(
        "甲一爱乙二", ("甲一", "爱", {VALUE: "乙二"}), ("乙二", "爱", {VALUE: "甲一"})
    ),
    "an object with two slots": related(
        "甲一爱乙二，丙三", ("甲一", "爱", {VALUE: "乙二", "和": "丙三"})
    ),
    "two such objects": related(
        "甲一爱乙二和丙三。爱丁四和丙五",
        ("甲一", "爱", {VALUE: "乙二", "和": "丙三"}),
        ("甲一", "爱", {VALUE: "丁四", "和": "丙五"}),
    ),
    "an object inside another": related(
        "甲一爱乙二三", ("甲一", "爱", {VALUE: "乙二三"}), ("甲一", "恨", {VALUE: "二三"})
    ),
    "nothing": Related("甲一和乙二"),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_overlaps_are_kept_apart(method):
    """One task learns them all by heart, and says just these."""
    task = new_task(method, ["爱", "爱@和", "恨"])
    task.fit([*OVERLAPS.values()] * 4, **QUICK | {"epochs": 80, "batch_size": 8, "warm_up": 0.0})
    for name, example in OVERLAPS.items():
        assert places(task.predict(example.text)) == places(example.relations), name


def test_scores_are_products_of_probabilities(monkeypatch):
    """One subject 1 … 2 and, of label 1, one object 4 … 5; other ends are not likely enough."""
    task = new_task("casrel")
    subjects, objects = np.full((1, 6, 2), 0.1), np.full((1, 6, 2, 2), 0.1)
    subjects[0, 1, 0], subjects[0, 2, 1], subjects[0, 4, 1] = 0.5, 0.9, 0.95
    subjects[0, 5, 0] = 0.8  # no end behind it
    objects[0, 4, 1, 0], objects[0, 5, 1, 1], objects[0, 3, 1, 1] = 0.5, 0.6, 0.9
    hidden = np.zeros((1, 6, 8), "float32")
    logs = [ops.convert_to_tensor(np.log(each).astype("float32")) for each in (subjects, objects)]
    monkeypatch.setattr(task.network, "_subjects", lambda inputs, training: (hidden, logs[0]))
    monkeypatch.setattr(
        task.network,
        "_objects",
        lambda hidden, first, last: ops.repeat(logs[1][:, None], 6, axis=1),
    )
    tokens = ops.convert_to_tensor(np.ones((1, 6), "int32"))
    found = task.network.candidates({"tokens": tokens, "valid": tokens > 0})
    found = {name: ops.convert_to_numpy(value)[0] for name, value in found.items()}
    [place] = np.nonzero(found["score"])[0]
    names = ("label", "subject first", "subject last", "first", "last")
    assert [found[name][place] for name in names] == [1, 1, 2, 4, 5]
    assert found["score"][place] == pytest.approx(0.5 * 0.9 * 0.5 * 0.6)


def slots_at(**starts):
    """Slots of two characters at some places, of which the first is the surest; V is the main."""
    names = {"V": VALUE}
    return {
        names.get(name, name): [
            (Slot(names.get(name, name), at, at + 2), 0.9 - i / 10) for i, at in enumerate(places)
        ]
        for name, places in starts.items()
    }


@pytest.mark.parametrize(
    ("slots", "wanted"),
    [
        (slots_at(V=(3, 13), work=(10, 0)), [(3, 0), (13, 10)]),
        (slots_at(V=(6, 15), date=(0, 9)), [(6, 0), (15, 9)]),  # 9 is nearer to 6 than 0
        (slots_at(V=(3, 13), work=(0,)), [(3, 0), (13, 0)]),
        (slots_at(V=(3,), work=(0, 13)), [(3, 0), (3, 13)]),
        (slots_at(V=(3, 33), work=(0, 13, 30)), [(3, 0), (33, 30), (3, 13)]),
        (slots_at(V=(3,), date=(1, 23), work=(0, 20)), [(3, 1, 0), (3, 23, 20)]),
        (slots_at(work=(10, 0)), [(0,), (10,)]),
        (slots_at(work=(10,), date=(0,)), [(0, 10)]),
    ],
)
def test_objects_have_all_slots_that_were_found(slots, wanted):
    """Places of the main slot and of the others, by name."""
    objects = [*objects_of(slots)]
    found = [tuple(slot.start for slot in sorted(each)) for each, _ in objects]
    assert found == wanted
    for parts, score in objects:
        assert score == min(chance for its in slots.values() for s, chance in its if s in parts)
        assert len({slot.name for slot in parts}) == len(parts) == len(slots)


def test_relations_in_words():
    [relation] = OVERLAPS["an object with two slots"].relations
    text = OVERLAPS["an object with two slots"].text
    assert triple_of(text, relation) == Triple("甲一", "爱", {VALUE: "乙二", "和": "丙三"})


@pytest.mark.parametrize("method", METHODS)
def test_noise_gives_no_more_than_the_candidates(method):
    """An untrained task, whose every score is high, answers as quickly as a trained one."""
    task = new_task(method, [f"R{i}" for i in range(20)])
    linked = [each.dense.bias for each in getattr(task.network, "pointers", {}).values()]
    pointed = [task.network.subjects.bias, task.network.objects.bias] if method == "casrel" else []
    for bias in (*linked, *pointed):
        bias.assign(np.full(bias.shape, 3.0, "float32"))
    text = "甲一二三四五六七八九"
    found = task.predict([text] * 3)
    assert found[0] == found[1] and 16 < len(found[0]) <= 256 * 16
    [output] = task.predictor(task.encode_examples([Related(text)]).rows)
    most = {"stretches score": 128, "heads score": 256, "tails score": 256, "score": 64}
    counts = {name: len(each) for name, each in output.items() if name in most}
    assert counts and all(count == most[name] for name, count in counts.items())


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ("甲", "not (text, relations)"),
        (("甲", [3]), "not a list of Relation"),
        (("甲", [Relation((0, 2), "爱", (Slot(VALUE, 0, 1),))]), "from 0 to 2"),
        (("甲乙", [Relation((0, 1), "爱", ())]), "has no object"),
        (("甲乙", [Relation((0, 1), "妒", (Slot(VALUE, 0, 1),))]), "'妒' is not one of the labels"),
        ((" ", []), "not empty is due"),
    ],
)
def test_examples_that_are_none(example, message):
    with pytest.raises(DataError, match="Example 0.*" + re.escape(message)):
        new_task("gplinker").read([example])


def test_choices_that_cannot_be():
    with pytest.raises(ConfigError, match="no method 'casrol'. Did you mean 'casrel'"):
        new_task("casrol")
    with pytest.raises(ConfigError, match="no metric 'webnlg'"):
        new_task("gplinker").evaluate(DATA[:1], metric="webnlg")


def said(method, triples):
    """What a window says whose relations are label, ends of subject, ends of object."""
    if method == "casrel":
        names = ("label", "subject first", "subject last", "first", "last")
        every = np.array([*triples, (0, 1, 1, 2, 2)])
        chance = np.array([0.9] * len(triples) + [0.0])
        return {"score": chance, **dict(zip(names, every.T, strict=True))}
    subjects, things = ({(role, *t[at : at + 2]) for t in triples} for role, at in ((0, 1), (1, 3)))
    return {
        **candidates(subjects | things, "spans "),
        **candidates({(label, first, start) for label, first, _, start, _ in triples}, "heads "),
        **candidates({(label, last, end) for label, _, last, _, end in triples}, "tails "),
    }


@pytest.mark.parametrize("method", METHODS)
def test_a_relation_is_taken_from_the_window_that_shows_most_around_it(method):
    """The first window shows most around both ends; the second more around the object alone."""
    task = new_task(method, max_length=18)
    windows = task.windows(["一二三四五六七八九" * 4])
    assert [(w.first, w.last) for w in windows] == [(0, 16), (12, 28), (24, 36)]
    assert [w.margin(14, 14) for w in windows] == [1, 2, -1]
    assert [w.margin(12, 14) for w in windows] == [1, 0, -1]
    for speaker in range(3):
        outputs = []
        for i, window in enumerate(windows):
            first, start = (token - window.first + window.head for token in (12, 14))
            triples = [(1, first, first, start, start)] if i == speaker else []
            outputs.append(said(method, triples))
        found = [relation[:3] for _, relation in task.method.extract(windows, outputs)]
        wanted = ((12, 13), "恨", (Slot(VALUE, 14, 15),))
        assert found == ([wanted] if speaker == 0 else []), speaker


@pytest.mark.parametrize("method", METHODS)
def test_what_lies_whole_in_a_window_is_found_as_it_was_taught(method):
    """Any two relations, in texts of up to six windows."""
    task, random = new_task(method), np.random.default_rng(0)
    whole = 0
    for _ in range(100):
        size = int(random.integers(5, 100))
        relations = set()
        for _ in range(2):
            first = int(random.integers(size))
            start = int(np.clip(first + random.integers(-12, 13), 0, size - 1))
            last, end = (min(size, at + int(random.integers(1, 6))) for at in (first, start))
            label = LABELS[random.integers(2)]
            relations.add(Relation((first, last), label, (Slot(VALUE, start, end),)))
        example = Related("一" * size, tuple(sorted(relations)))
        found = answered(task, example, lambda rows: said(method, rows))
        wanted = {
            relation[:3]
            for relation in relations
            if shown_whole(task, example.text, [relation.subject, relation.object[0][1:]])
        }
        whole += len(wanted)
        assert places(found) == wanted and len(found) == len(wanted)
    assert whole > 100
