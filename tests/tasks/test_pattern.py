"""Classification by a pattern and words: a masked language model answers untrained, and learns."""

import keras
import numpy as np
import pytest
from keras import ops

import playmask
from comparing import TINY
from playmask.errors import ConfigError, DataError
from playmask.model.parts import Learned
from tasks.made_up import DIGITS, QUICK, tokenizer

pytestmark = pytest.mark.backends
WORDS = tokenizer("很好差棒烂，。的")
PATTERN = "很[MASK]，{text}"
SETTINGS = {"labels": ["bad", "good"], "words": ["差", "好"], "pattern": PATTERN}


def new_task(**options):
    keras.utils.set_random_seed(3)
    body = TINY.change(
        vocabulary=len(WORDS), pad=WORDS.pad, position=Learned(32), dropout=0.0,
        attention_dropout=0.0,
    )  # fmt: skip
    options = {**SETTINGS, "tokenizer": WORDS, "max_length": 16, **options}
    return playmask.PatternClassifier.new(playmask.build(body, "mlm"), **options)


def texts(count, seed=0):
    """Digits; whether the first is above four is the label."""
    random = np.random.default_rng(seed)
    rows = random.integers(0, 10, (count, 4))
    return [("".join(DIGITS[i] for i in row), "good" if row[0] > 4 else "bad") for row in rows]


def log_probabilities(task, tokens):
    """What the masked language model says at a row's masks, by a plain call."""
    inputs = {"tokens": ops.convert_to_tensor([tokens])}
    logits = task.transformer(inputs, training=False)["logits"]
    return ops.convert_to_numpy(ops.log_softmax(logits, axis=-1))[0]


def test_untrained_it_says_what_the_model_says_of_the_words():
    task = new_task()
    tokens = WORDS.encode("很", special=False).ids
    row = [WORDS.cls, *tokens, WORDS.mask, *WORDS.encode("，一二三", special=False).ids, WORDS.sep]
    assert task.row("一二三")["tokens"] == row
    logs = log_probabilities(task, row)[row.index(WORDS.mask)]
    both = np.exp([logs[WORDS.token_to_id(word)] for word in "差好"])
    prediction = task.predict("一二三")
    assert prediction.probabilities["good"] == pytest.approx(both[1] / both.sum(), abs=1e-5)
    assert prediction.label == ("good" if both[1] > both[0] else "bad")


def test_words_of_two_tokens_fill_two_gaps_in_their_order():
    task = new_task(words=["差的", "好烂"], pattern="{text}，[MASK]。")
    row = task.row("一")["tokens"]
    gaps = [i for i, token in enumerate(row) if token == WORDS.mask]
    assert len(gaps) == 2 and gaps[1] == gaps[0] + 1
    logs = log_probabilities(task, row)
    ids = {word: [WORDS.token_to_id(c) for c in word] for word in ("差的", "好烂")}
    sums = np.array([logs[gaps[0], a] + logs[gaps[1], b] for a, b in ids.values()])
    chance = np.exp(sums[1]) / np.exp(sums).sum()
    assert task.predict("一").probabilities["good"] == pytest.approx(chance, abs=1e-5)


def test_it_learns_from_few_and_comes_back(tmp_path):
    task, test = new_task(), texts(60, seed=9)
    before = task.evaluate(test)["accuracy"]
    task.fit(texts(64), **QUICK | {"epochs": 25})
    scores = task.evaluate(test)
    assert scores["accuracy"] > max(0.9, before)
    again = playmask.load_task(task.save(tmp_path))
    assert again.predict(test[0][0]).label == task.predict(test[0][0]).label
    assert again.evaluate(test)["accuracy"] == scores["accuracy"]


def test_long_texts_are_cut_and_the_pattern_stays():
    row = new_task().row("一" * 40)["tokens"]
    assert len(row) == 16 and row[2] == WORDS.mask and row[-1] == WORDS.sep
    pairs = new_task(pattern="{text}[MASK]{pair}")
    row = pairs.row(("一" * 40, "二二"))["tokens"]
    two = WORDS.token_to_id("二")
    assert len(row) == 16 and row.count(two) == 2 and row.count(WORDS.mask) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pattern": "{text}"}, "one \\[MASK\\], one {text}"),
        ({"pattern": "[MASK]"}, "one \\[MASK\\], one {text}"),
        ({"words": ["差", "好的"]}, "need equally many tokens"),
        ({"words": ["差"]}, "1 words for 2 labels"),
        ({"words": ["差", "差"]}, "a word of its own"),
        ({"words": ["差", "龘"]}, "does not know all of the words"),
        ({"labels": ["bad"], "words": ["差"]}, "two or more distinct labels"),
    ],
)
def test_what_cannot_be(options, message):
    with pytest.raises(ConfigError, match=message):
        new_task(**options)


def test_a_pattern_for_pairs_needs_pairs():
    with pytest.raises(DataError, match="place for a {pair}"):
        new_task(pattern="{text}[MASK]{pair}").predict("一")
