"""Places whose ends no token's meet: white space is trimmed, the rest is counted and named."""

import pytest

import playmask
from playmask.data.annotated import Annotated, Mention
from playmask.data.events import Event, Part, Report
from playmask.data.passages import PassageQuestion
from playmask.data.relations import VALUE, Related, Relation, Slot
from playmask.errors import DataError
from tasks.made_up import QUICK, model, tokenizer

TEXT = "张三 在北京 abc"
WORDS = playmask.Tokenizer.from_texts([TEXT, "谁在哪？"] * 4, size=64, minimum=1)
SMALL = {"tokenizer": WORDS, "max_length": 16}
SPACE, INSIDE = (0, 3), (8, 9)  # "张三 ", and "b" of what may be one token


def examples(kind, place):
    """An example of each task, one of whose places is this."""
    start, end = place
    return {
        "tag": Annotated(TEXT, [Mention(start, end, "A")]),
        "spans": Annotated(TEXT, [Mention(start, end, "A")]),
        "relations": Related(TEXT, [Relation((4, 6), "A", (Slot(VALUE, start, end),))]),
        "events": Report(TEXT, [Event("E", (Part(start, end, "R"), Part(4, 6, "trigger")))]),
        "read": PassageQuestion("谁在哪？", TEXT, (TEXT[start:end],), (place,)),
    }[kind]


def new_task(kind):
    body = model(WORDS)
    return {
        "tag": lambda: playmask.SequenceTagger.new(body, ["A"], **SMALL),
        "spans": lambda: playmask.SpanTagger.new(body, ["A"], size=16, **SMALL),
        "relations": lambda: playmask.RelationExtractor.new(body, ["A"], size=16, **SMALL),
        "events": lambda: playmask.EventExtractor.new(body, ["E@R", "E@trigger"], size=16, **SMALL),
        "read": lambda: playmask.ReadingComprehension.new(
            body, tokenizer=WORDS, max_length=32, max_answer=4
        ),
    }[kind]()


KINDS = ("tag", "spans", "relations", "events", "read")


@pytest.mark.parametrize("kind", KINDS)
def test_white_space_at_the_ends_is_trimmed_and_counted(kind):
    task = new_task(kind)
    checked = task.read([examples(kind, (0, 2)), examples(kind, SPACE), examples(kind, (2, 4))])
    assert [task.alignment_notes([each]) for each in checked[:2]] == [[], []]
    for i, place in ((1, (0, 2)), (2, (3, 4))):
        expected = examples(kind, place)
        if kind == "read":
            assert checked[i].places == expected.places
        else:
            assert checked[i] == expected
    [note] = checked.notes
    assert "white space at the ends of 2 mentions" in note and "example 1: '张三 '" in note
    with pytest.raises(DataError, match="Example 0: .* nothing but white space"):
        task.read([examples(kind, (2, 3))])


@pytest.mark.parametrize("kind", KINDS)
def test_an_end_inside_a_token_is_counted_and_named(kind):
    task = new_task(kind)
    tokens = WORDS.tokens(WORDS.encode(TEXT, special=False).ids)
    assert "abc" in tokens
    checked = task.read([examples(kind, (0, 2)), examples(kind, INSIDE)])
    assert checked.notes == []
    task.encode_examples(checked)  # as in training
    [note] = checked.notes
    assert (
        f"1 of {4 if kind in ('relations', 'events') else 2} mentions begin or end inside" in note
    )
    assert "example 1: 'b' in " in note
    assert task.alignment_notes(checked) == [note]


def test_what_is_trimmed_is_learnt_and_found():
    task = new_task("tag")
    data = [(TEXT, [(0, 3, "A")]), ("李四 在北京", [(0, 3, "A")])] * 8
    task.fit(data, **QUICK | {"epochs": 30})
    assert task.evaluate(data)["f1"] == 1
    assert task.predict(TEXT)[0][:2] == (0, 2)


def test_a_long_mention_is_not_inside_a_token():
    """One that no window shows whole has ends all the same."""
    words = tokenizer("甲")
    task = playmask.SequenceTagger.new(model(words), ["A"], tokenizer=words, max_length=8)
    assert task.alignment_notes([Annotated("甲" * 40, [Mention(3, 33, "A")])]) == []


@pytest.mark.parametrize("kind", ["tag", "spans"])
def test_labels_that_were_not_learnt_count_as_missed(kind):
    """In evaluation and in validation alike; its loss is of what can be learnt."""
    task = new_task(kind)
    other = Annotated(TEXT, [Mention(0, 2, "A"), Mention(4, 6, "B")])
    with pytest.raises(DataError, match="'B' is not one of the labels"):
        task.read([other])
    checked = task.read_references([other])
    assert "were not learnt count as missed: 'B' (1)" in checked.notes[0]
    learnable = task.learnable(checked)
    assert [m.label for m in learnable[0].mentions] == ["A"]
    history = task.fit([examples(kind, (0, 2))] * 8, [other] * 2, **QUICK | {"epochs": 30})
    assert task.evaluate([other])["recall"] == 0.5
    assert history["val_f1"][-1] == pytest.approx(2 / 3)
    assert task.report([other], task.answer([other])).by_class["B"].support == 1


def test_validation_counts_questions_without_a_place():
    """Answers that do not stand in their passage are measured, and not learnt."""
    task = new_task("read")
    nowhere = PassageQuestion("谁在哪？", TEXT, ("上海",))
    both = [examples("read", (0, 2)), nowhere]
    with pytest.raises(DataError, match="has no place in the passage"):
        task.read(both)
    checked = task.read_references(both)
    assert len(checked) == 2 and task.learnable(checked) == both[:1]
    history = task.fit(both[:1] * 8, both, **QUICK | {"epochs": 20})
    assert history["val_f1"][-1] == pytest.approx(task.evaluate(both)["f1"])
    with pytest.raises(DataError, match="No question has an answer that stands"):
        task.learnable(task.read_references([nowhere]))
