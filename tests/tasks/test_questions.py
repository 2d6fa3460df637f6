"""Explaining tasks that write: what a text brought to the tokens that were written."""

import numpy as np
import pytest

import playmask
from comparing import log_softmax
from playmask.errors import ConfigError, InputError
from playmask.model.architecture import Decoder
from playmask.model.parts import Learned
from tasks.made_up import model, tokenizer

WORDS = tokenizer()
TEXT = "三四五六"


def new_task(kind):
    if kind == "language-model":
        return playmask.LanguageModel.new(model(WORDS, mask="lm"), tokenizer=WORDS, max_length=24)
    if kind == "mask-fill":
        return playmask.MaskFill.new(model(WORDS), tokenizer=WORDS, max_length=24)
    form = {"decoder": Decoder(1, position=Learned(32))} if kind == "decoder" else {"mask": "unilm"}
    made = model(WORDS, **form)
    return playmask.Seq2Seq.new(made, tokenizer=WORDS, max_source=12, max_target=8)


def ids(text):
    return WORDS.encode(text, special=False).ids


def log_probability(task, kind, text, answer):
    """What the network says of an answer, token by token, from the tokens put together by hand."""
    cls, sep = WORDS.cls, WORDS.sep
    if kind == "mask-fill":
        before, _, after = text.partition("[MASK]")
        row = [cls, *ids(before), WORDS.mask, *ids(after), sep]
        logits = task.network({"tokens": np.array([row])})["logits"]
        return log_softmax(logits)[0, row.index(WORDS.mask), ids(answer)[0]]
    source = [cls, *ids(text)] if kind == "language-model" else [cls, *ids(text), sep]
    wanted = ids(answer) if kind == "language-model" else [*ids(answer), sep]
    if kind == "decoder":
        given = {
            "tokens": np.array([source]),
            "target_tokens": np.array([[WORDS.pad, *wanted[:-1]]]),
        }
        given["target_valid"] = np.ones_like(given["target_tokens"], "bool")
        logs = log_softmax(task.network(given)["logits"])[0]
    else:
        row = np.array([[*source, *wanted[:-1]]])
        segments = np.array([[0] * len(source) + [1] * (len(wanted) - 1)])
        inputs = {"tokens": row} | ({} if kind == "language-model" else {"segments": segments})
        logs = log_softmax(task.network(inputs)["logits"])[0, len(source) - 1 :]
    return sum(logs[i, token] for i, token in enumerate(wanted))


@pytest.mark.backends
@pytest.mark.parametrize("kind", ["language-model", "stack", "decoder", "mask-fill"])
def test_what_a_text_brought_adds_up(kind):
    task = new_task(kind)
    text = "三[MASK]五六" if kind == "mask-fill" else TEXT
    answer = "七" if kind == "mask-fill" else "七八九"
    found = playmask.integrated_gradients(task, text, answer=answer, baseline="unk")
    assert found.answer == answer and found.complete, found.relative_gap
    assert found.value == pytest.approx(log_probability(task, kind, text, answer), abs=1e-4)
    places = [i for i, of in enumerate(found.sources) if of == 0]
    assert [text[slice(*found.spans[i])] for i in places] == [c for c in "三四五六" if c in text]
    assert all(found.scores[i] == 0 for i, of in enumerate(found.sources) if of < 0)
    assert any(abs(found.scores[i]) > 1e-4 for i in places)


@pytest.mark.parametrize("kind", ["language-model", "stack", "decoder", "mask-fill"])
def test_without_an_answer_that_of_the_task_is_explained(kind):
    task = new_task(kind)
    text = "三[MASK]五六" if kind == "mask-fill" else TEXT
    question = task.question((text,), None)
    if kind == "mask-fill":
        assert question.answer == task.predict(text, best=1)[0][0].text
    elif kind == "language-model":
        assert question.answer == task.predict(text, max_tokens=1, min_tokens=1)
    else:
        assert question.answer == task.predict(text)


def test_what_was_cut_off_is_not_read():
    task = new_task("stack")
    assert task.question(("三" * 30,), "七").read == [10]
    assert task.question((TEXT,), "七").read == [4]


@pytest.mark.parametrize(
    "kind, text, answer, said",
    [
        ("stack", ("三", "四"), None, "reads one text, not a pair"),
        ("stack", "", None, "The text has no tokens"),
        ("mask-fill", "三", None, "no .MASK. to fill"),
        ("mask-fill", "三[MASK]", "七八", "filled by one token; '七八' has 2"),
        ("language-model", "三", "", "answer '' has no tokens"),
    ],
)
def test_what_is_refused(kind, text, answer, said):
    with pytest.raises((InputError, ConfigError), match=said):
        playmask.integrated_gradients(new_task(kind), text, answer=answer)
