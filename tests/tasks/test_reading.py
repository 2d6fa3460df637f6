"""Reading comprehension: answers are found again, in passages of any length, in each way."""

import json
import re

import numpy as np
import pytest
from keras import ops

import playmask
from playmask.data.passages import PassageQuestion
from playmask.errors import ConfigError, DataError, InputError
from playmask.labelling.spans import MarginalSpanCrossentropy, band_of_ends, band_of_tokens, slanted
from playmask.tasks.reading.base import CANDIDATES, Answer, Odds
from tasks.made_up import DIGITS, QUICK, model, tokenizer

WORDS = tokenizer("甲乙丙丁")
READ, COPY = playmask.ReadingComprehension, playmask.CopyingReader
KINDS = {
    "pointers": (READ, {"max_length": 32, "dropout": 0.0}, {}),
    "mask-fill": (READ, {"max_length": 32, "method": "mask-fill"}, {}),
    "copying": (COPY, {"max_length": 32}, {"mask": "unilm"}),
}


def new_task(kind="pointers", *, seed=3, **options):
    made, defaults, changes = KINDS[kind]
    options = {"tokenizer": WORDS, "max_answer": 3, **defaults, **options}
    return made.new(model(WORDS, seed=seed, **changes), **options)


def asked(seed, count=2, impossible=False):
    """Letters with a number of two digits behind each; the question is a letter."""
    random = np.random.default_rng(seed)
    letters, text, places = "乙甲" if seed % 2 else "甲乙", "", {}
    for i in range(count):
        letter = letters[i] if i < 2 else "丙"
        places[letter] = (len(text) + 1, len(text) + 3)
        text += letter + "".join(DIGITS[i] for i in random.integers(0, 10, 2))
        text += "丁" * int(random.integers(0, 3))
    if impossible:
        return PassageQuestion("丁", text, id=str(seed), impossible=True)
    question = letters[int(random.integers(2))]
    place = places[question]
    return PassageQuestion(question, text, (text[slice(*place)],), (place,), str(seed))


DATA = [asked(i) for i in range(320)]
LONG = [asked(1000 + i, count=12) for i in range(32)]


@pytest.mark.parametrize(
    "kind, least",
    [
        pytest.param("pointers", 0.8, marks=pytest.mark.backends("jax")),
        ("mask-fill", 0.6),
        pytest.param("copying", 0.5, marks=pytest.mark.backends("jax")),
    ],
)
def test_it_learns_and_comes_back(tmp_path, kind, least):
    task = new_task(kind)
    task.fit([*DATA, *LONG], **QUICK | {"epochs": 30})
    scores = task.evaluate(DATA[:64], metric="cmrc")
    assert scores["f1"] > least and scores["examples"] == 64, scores
    assert task.evaluate(LONG)["exact"] > least / 3
    found = task.predict([*DATA[:8], *LONG[:4]])
    for example, answer in zip([*DATA[:8], *LONG[:4]], found, strict=True):
        assert example.text[answer.start : answer.end] == answer.text
        assert 0 < answer.score <= 1
    again = playmask.load_task(task.save(tmp_path))
    assert type(again) is type(task)
    assert again.predict([*DATA[:8], *LONG[:4]]) == found


@pytest.mark.parametrize("kind", KINDS)
def test_questions_without_an_answer(kind):
    task = new_task(kind)
    data = [DATA[0], asked(0, impossible=True)]
    task.fit(data, **QUICK | {"epochs": 60, "warm_up": 0.0})
    assert task.settings.impossible
    one, none = task.predict(data)
    assert one.text == DATA[0].answers[0] and none[:3] == ("", 0, 0) and none.score > 0.5
    assert task.evaluate(data, metric="squad") == {"f1": 1, "exact": 1, "examples": 2}
    assert any(not each.text for each in task.predict(DATA[0], best=9))


# Windows


def hand_made(task, first, last, none=0.0):
    """Let a task's network score tokens by tables, whatever stands around them.

    What it says of a window is shifted as a whole by what the window holds.
    """
    first, last = (np.array(each, "float32") for each in (first, last))

    def band(inputs, shown, training):
        tokens = inputs["tokens"]
        ends = [ops.where(shown, ops.take(table, tokens), -1e9) for table in (first, last)]
        shift = ops.cast(ops.sum(ops.where(shown, tokens, 0), axis=1) % 7, "float32")
        return band_of_ends(ends[0] + shift[:, None], ends[1], task.network.longest), shift + none

    task.network.band = band
    return task


@pytest.mark.parametrize("impossible", [False, True])
def test_windows_answer_as_one(impossible):
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 200)))
    words = playmask.Tokenizer.from_texts([text], size=300, minimum=1)
    tables = np.random.default_rng(0).normal(size=(2, len(words)))
    body = model(words).architecture.change(position=None)
    small, large = (
        READ.new(playmask.build(body), tokenizer=words, max_length=n, max_answer=3)
        for n in (24, 256)
    )
    for task in (small, large):
        hand_made(task, *tables, none=2.0)
        task.settings = task.settings.change(impossible=impossible)
    asked = (text[0], text)
    assert len(small.windows([asked])) > 10 and len(large.windows([asked])) == 1
    one, other = (task.predict(asked, best=5) for task in (small, large))
    assert [each[:3] for each in one] == [each[:3] for each in other]
    for total in (one, other):
        assert sum(each.score for each in total) < 1
    np.testing.assert_allclose([a.score for a in one], [a.score for a in other], rtol=1e-4)


def test_each_stretch_is_told_by_one_window_that_shows_it_whole():
    for longest, count in ((1, 50), (4, 50), (5, 61), (5, 13), (2, 1)):
        task = new_task(max_length=24, max_answer=longest)
        told = []
        for window in task.windows([("甲乙", "丁" * count)]):
            for first in window.begins(longest):
                told.append(window.first + first)
                whole = window.first + first + longest <= window.last
                assert whole or window.last == window.total == count
        assert told == [*range(count)]


def test_scores_of_all_answers_add_up_to_one():
    task = hand_made(new_task(max_answer=2), *np.zeros((2, len(WORDS))), none=-1.0)
    answers = task.predict(("甲", "一二三"), best=9)
    assert {answer.text for answer in answers} == {"一", "二", "三", "一二", "二三"}
    assert sum(answer.score for answer in answers) == pytest.approx(1)
    task.settings = task.settings.change(impossible=True)
    answers = task.predict(("甲", "一二三"), best=9)
    none = next(answer for answer in answers if not answer.text)
    assert none.score == pytest.approx(np.exp(-1) / (5 + np.exp(-1)))
    assert sum(answer.score for answer in answers) == pytest.approx(1)


def test_the_same_text_counts_once_where_it_is_likeliest():
    task = new_task()
    odds = [
        Odds(np.array([[0, 1], [2, 3]]), np.log([1.0, 2.0]), np.log(4.0)),
        Odds(np.array([[3, 4]]), np.log([4.0]), np.log(4.0)),
    ]
    answers = task._answers("一二一三", odds)
    assert answers == [
        Answer("三", 3, 4, pytest.approx(1 / 2)),
        Answer("一", 2, 3, pytest.approx(3 / 8)),
    ]


# What is learnt


@pytest.mark.parametrize("kind", ["pointers", "mask-fill"])
def test_all_places_of_an_answer_are_right_and_no_others(kind):
    task = new_task(kind)
    text = "一二乙一二丙一三"
    example = PassageQuestion("甲", text, ("一二",), ((0, 2), (3, 5)))
    (numbers,) = task.encode_examples([example]).targets
    (row,) = task.encode_examples([example]).rows
    shown = np.nonzero(row["marks"])[0]
    assert len(shown) == len(text)
    for number, (start, end) in zip(numbers, example.places, strict=True):
        first, more = divmod(int(number) - 1, task.network.longest)
        assert first == shown[start] and first + more == shown[end - 1]
        ids = row["tokens"][first : first + more + 1]
        assert WORDS.decode(ids) == "一二"


def test_windows_that_show_a_part_of_an_answer_teach_nothing():
    task = new_task(max_length=24, max_answer=4)
    (first, *_) = windows = task.windows([("甲", "丁" * 40)])
    cut = PassageQuestion("甲", "丁" * 40, (), ((first.last - 2, first.last + 1),))
    learnt = task.encode_examples([cut])
    assert learnt.rows == [task.row_of(window) for window in windows[1:]]
    assert learnt.targets[0].tolist() != [0] and learnt.targets[-1].tolist() == [0]
    with pytest.raises(DataError, match="No question has an answer of at most 4 tokens"):
        task.encode_examples([PassageQuestion("甲", "丁" * 40, (), ((0, 9),))])


def test_longer_answers_than_may_be_written_are_not_learnt():
    task = new_task("copying")
    short = PassageQuestion("甲", "甲一二乙一二三四", ("一二", "一二三四"), ((1, 3), (4, 8)))
    long = PassageQuestion("甲", "甲一二三四", ("一二三四",), ((1, 5),))
    (row,) = task.encode_examples([short, long]).rows
    (alone,) = task.encode_examples([short._replace(places=((1, 3),))]).rows
    assert row == alone
    with pytest.raises(DataError, match="No question has an answer of at most 3 tokens"):
        task.encode_examples([long])


@pytest.mark.backends
def test_bands():
    rows = np.arange(12, dtype="float32").reshape(1, 3, 4)
    band = ops.convert_to_numpy(slanted(ops.convert_to_tensor(rows), 3))[0]
    assert band[0].tolist() == [0, 5, 10] and band[1].tolist() == [1, 6, 11]
    assert band[3, 0] == 3 and (band[3, 1:] < -1e8).all()
    random = np.random.default_rng(0)
    first, last = random.normal(size=(2, 2, 6)).astype("float32")
    band = band_of_ends(*map(ops.convert_to_tensor, (first, last)), 3)
    each, ends = random.normal(size=(2, 3, 6)), random.normal(size=(2, 3))
    spelled = band_of_tokens(*(ops.convert_to_tensor(x.astype("float32")) for x in (each, ends)), 3)
    band, spelled = map(ops.convert_to_numpy, (band, spelled))
    for b in range(2):
        for t in range(6):
            for more in range(min(3, 6 - t)):
                assert band[b, t, more] == pytest.approx(first[b, t] + last[b, t + more], abs=1e-5)
                told = sum(each[b, k, t + k] for k in range(more + 1))
                told += ends[b, more + 1] if more < 2 else 0
                assert spelled[b, t, more] == pytest.approx(told, abs=1e-5)


@pytest.mark.backends
def test_the_loss_is_of_all_right_stretches_together():
    scores = np.log([[1.0, 2.0, 3.0, 4.0]] * 3).astype("float32")
    right = np.array([[1, 3], [0, -1], [2, -1]])
    loss = MarginalSpanCrossentropy().call(
        ops.convert_to_tensor(right), ops.convert_to_tensor(scores)
    )
    wanted = -np.log([6 / 10, 1 / 10, 3 / 10])
    np.testing.assert_allclose(ops.convert_to_numpy(loss), wanted, rtol=1e-5)


def test_an_answer_is_explained():
    task = new_task()
    task.fit(DATA[:1], **QUICK | {"epochs": 40, "warm_up": 0.0})
    found = playmask.integrated_gradients(task, tuple(DATA[0][:2]), baseline="unk")
    assert found.answer == DATA[0].answers[0] and found.complete


# What is refused


def test_nothing_in_nothing_out():
    task = new_task()
    assert task.predict([]) == []
    for wrong, message in (
        ("甲", "Text 0 is '甲', not"),
        ([("甲", "一"), ("甲", 3)], "Text 1 is"),
        (("甲", " "), "The passage of text 0 is empty"),
        ([("", "一")], "The question of text 0 is empty"),
        (("甲" * 30, "一"), "has 30 tokens; with a max_length of 32 it may have 15"),
    ):
        with pytest.raises(InputError, match=message):
            task.predict(wrong)
    with pytest.raises(InputError, match=f"best is from 1 to {CANDIDATES}, not 0"):
        task.predict(("甲", "一"), best=0)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_no_trouble(kind):
    task = new_task(kind)
    answers = task.predict([("甲", "一" * n) for n in (1, 9, 100)], best=3)
    assert all(1 <= len(each) <= 3 for each in answers)
    assert task.predict(("甲", "一\u3000二 ")).text.strip()


@pytest.mark.parametrize("kind", KINDS)
def test_passages_of_unknown_characters(kind):
    """Where nothing can be told there is no answer, whose place is none."""
    answer = new_task(kind).predict(("甲", "ΩΩ"))
    assert answer[:3] == ("", 0, 0) if kind == "copying" else answer.text in "ΩΩ"
    assert 0 < answer.score <= 1


def test_long_questions_of_a_file_are_told_by_line(tmp_path):
    task, file = new_task(), tmp_path / "a.jsonl"
    lines = [
        {"question": "甲" * 50, "text": "甲一", "answers": ["一"], "id": "Q7"},
        {"question": "甲", "text": "甲一", "answers": ["一"]},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    said = f"a.jsonl:1: The question '{'甲' * 40}…' has 50 tokens; with a max_length of 32 it may"
    for read in (task.read, task.read_references):
        with pytest.raises(DataError, match=re.escape(said)):
            read(file)
        examples = read(file, skip_bad=True)
        assert [each.id for each in examples] == ["2"] and len(examples.skipped) == 1
    with pytest.raises(InputError, match="Text 1: The question '甲.*…' has 50 tokens"):
        task.predict([("甲", "一"), ("甲" * 50, "一")])


@pytest.mark.parametrize(
    "example, message",
    [
        (("甲", "一"), "not a PassageQuestion"),
        (PassageQuestion("甲", "一"), "The question '甲' has no answer"),
        (PassageQuestion("甲", "一", ("二",)), "The answer '二' has no place in the passage"),
    ],
)
def test_examples_that_are_none(example, message):
    task = new_task()
    with pytest.raises(DataError, match=message):
        task.read([example])
    assert len(task.read([example, DATA[0]], skip_bad=True)) == 1


def test_questions_that_cannot_be():
    with pytest.raises(DataError, match="The question is ''"):
        PassageQuestion("", "一", ("一",), ((0, 1),))
    with pytest.raises(DataError, match="goes from 0 to 2, but the text has 1 characters"):
        PassageQuestion("甲", "一", (), ((0, 2),))


def test_evaluation_compares_texts_alone():
    task = hand_made(new_task(), *np.zeros((2, len(WORDS))))
    wanted = [PassageQuestion("甲", "一", ("二", "一")), PassageQuestion("甲", "一", ("三",))]
    assert task.evaluate(wanted) == {"f1": 0.5, "exact": 0.5, "examples": 2}
    with pytest.raises(ConfigError, match="no metric 'bleu'; .* knows dureader, cmrc, squad"):
        task.evaluate(wanted, metric="bleu")


@pytest.mark.parametrize(
    "kind, options, message",
    [
        ("pointers", {"method": "pointer"}, "no method 'pointer'. Did you mean 'pointers'"),
        ("pointers", {"max_answer": 8}, "Answers may have 8 tokens; windows of 32 share 7"),
        ("mask-fill", {"max_answer": 8}, "windows of 23 share 5"),
        ("copying", {"max_answer": 8}, "windows of 23 share 5"),
        ("pointers", {"max_answer": 0}, "max_answer is from 1, not 0"),
    ],
)
def test_choices_that_cannot_be(kind, options, message):
    with pytest.raises(ConfigError, match=message):
        new_task(kind, **options)
    with pytest.raises(ConfigError, match="heads='mlm'"):
        headless = playmask.build(model(WORDS).architecture)
        READ.new(headless, tokenizer=WORDS, method="mask-fill", max_answer=3)
