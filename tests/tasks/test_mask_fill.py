"""Filling gaps: fixed phrases are learnt, masks are fresh each epoch and fixed when measuring."""

import numpy as np
import pytest

import playmask
from comparing import log_softmax
from playmask.errors import ConfigError, DataError, InputError
from playmask.tasks import Fill
from tasks.made_up import QUICK, model, tokenizer

PHRASES = ["今天天气真好", "味道很不错的", "我想喝一杯茶", "明天去看电影"]
WORDS = tokenizer(*PHRASES)
DATA = PHRASES * 40


def new_task(**options) -> playmask.MaskFill:
    return playmask.MaskFill.new(model(WORDS), tokenizer=WORDS, **{"max_length": 12, **options})


@pytest.mark.backends("jax")
def test_it_learns_phrases_and_comes_back(tmp_path):
    task = new_task()
    before = task.evaluate(DATA)
    task.fit(DATA, **QUICK | {"epochs": 12})
    after = task.evaluate(DATA)
    assert before["accuracy"] < 0.3 and after["accuracy"] > 0.95, (before, after)
    (fills,) = task.predict("今天天[MASK]真好", best=3)
    assert fills[0].text == "气" and fills[0].probability > fills[1].probability and len(fills) == 3
    assert isinstance(fills[0], Fill)
    again = playmask.load_task(task.save(tmp_path))
    assert isinstance(again, playmask.MaskFill)
    assert again.evaluate(DATA) == after
    texts = ["[MASK]道很不[MASK]的", "我想喝一杯[MASK]"]
    assert again.predict(texts) == task.predict(texts)
    assert [fills[0].text for fills in task.predict(texts)[0]] == ["味", "错"]


def test_probabilities_by_hand():
    task = new_task()
    ids = WORDS.encode("今天天气真好").ids
    ids[3] = WORDS.mask
    logs = log_softmax(task.transformer({"tokens": np.array([ids])})["logits"])[0, 3]
    (fills,) = task.predict("今天[MASK]气真好", best=len(WORDS))
    assert sum(fill.probability for fill in fills) == pytest.approx(1, abs=1e-5)
    order = np.argsort(-logs)
    assert [fill.probability for fill in fills[:4]] == pytest.approx(np.exp(logs[order[:4]]))
    assert fills[0].text == WORDS.vocabulary[order[0]].removeprefix("##")


def test_what_is_hidden():
    """15 % of the tokens, none of the special ones; 8 in 10 by the mask, 1 another, 1 the same."""
    task = new_task(max_length=32)
    texts = ["".join(PHRASES)] * 400
    batches = task.batches(task.read(texts), 400, seed=1, shuffle=True)
    inputs, wanted, weights = batches[0]
    whole = np.array(WORDS.encode(texts[0]).ids)
    assert weights.sum(axis=1).tolist() == [np.ceil(0.15 * (len(whole) - 2))] * 400
    places = inputs["read"][weights > 0]
    assert places.min() > 0 and places.max() < len(whole) - 1
    assert (whole[places] == wanted[weights > 0]).all()
    shown = np.take_along_axis(inputs["tokens"], inputs["read"], 1)[weights > 0]
    masked, same = (shown == WORDS.mask).mean(), (shown == wanted[weights > 0]).mean()
    assert 0.76 < masked < 0.84 and 0.07 < same < 0.14
    assert not set(shown.tolist()) & ({*WORDS.special.values()} - {WORDS.mask})
    untouched = np.ones((400, inputs["tokens"].shape[1]), bool)
    np.put_along_axis(untouched, inputs["read"], weights == 0, 1)
    padded = np.pad(whole, (0, inputs["tokens"].shape[1] - len(whole)))
    assert (inputs["tokens"] == padded)[untouched].all()


def test_masks_are_fresh_each_epoch_and_fixed_when_measuring():
    task = new_task()
    examples = task.read(DATA[:8])

    def seen(epoch: int, **options) -> np.ndarray:
        batches = task.batches(examples, 8, **options)
        batches.set_epoch(epoch)
        return np.sort(batches[0][0]["tokens"], axis=0)

    fresh, fixed = {"seed": 5, "shuffle": True}, {"shuffle": False}
    assert np.array_equal(seen(1, **fresh), seen(1, **fresh))
    assert not np.array_equal(seen(1, **fresh), seen(2, **fresh))
    assert np.array_equal(seen(1, **fixed), seen(2, **fixed))
    assert task.evaluate(DATA[:8]) == task.evaluate(DATA[:8])


def test_bad_data_is_refused_with_its_line(tmp_path):
    task = new_task()
    (tmp_path / "a.txt").write_text("今天\n\n天气\n", encoding="utf-8")
    with pytest.raises(DataError, match="a.txt:2: The line is empty"):
        task.fit(tmp_path / "a.txt", **QUICK)
    assert len(task.read(tmp_path / "a.txt", skip_bad=True)) == 2
    (tmp_path / "b.txt").write_bytes("今天\n".encode() + "乱".encode("gb18030"))
    with pytest.raises(DataError, match=r"b.txt:2: .*not UTF-8"):
        task.fit(tmp_path / "b.txt", **QUICK)
    (tmp_path / "c.jsonl").write_text('{"title": "今天"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="c.jsonl:1: The names .'title'. are none of a text"):
        task.fit(tmp_path / "c.jsonl", **QUICK)
    (tmp_path / "d.txt").write_text("")
    with pytest.raises(DataError, match="d.txt: The file holds no usable text"):
        task.evaluate(tmp_path / "d.txt")
    with pytest.raises(DataError, match="Example 1: The text is ''"):
        task.fit(["今", ""], **QUICK)


@pytest.mark.parametrize(
    ("texts", "options", "said"),
    [
        ("今天天气", {}, r"Text 0 has no \[MASK\] to fill"),
        (["[MASK]", "今" * 20 + "[MASK]"], {}, r"Text 1 has a \[MASK\] beyond the 12 tokens"),
        ("[MASK]", {"best": 0}, "best is from 1"),
        (None, {}, "A text or a list of texts"),
    ],
)
def test_what_cannot_be_filled(texts, options, said):
    with pytest.raises(InputError, match=said):
        new_task().predict(texts, **options)


def test_what_cannot_fill():
    with pytest.raises(ConfigError, match=r"the heads \['mlm'\] and the order 'lm'"):
        playmask.MaskFill.new(model(WORDS, mask="lm"), tokenizer=WORDS)
    headless = playmask.build(model(WORDS).architecture, ())
    with pytest.raises(ConfigError, match=r"the heads \[\] and the order 'full'"):
        playmask.MaskFill.new(headless, tokenizer=WORDS)
    assert new_task().predict([]) == []
