"""Streams, steering inside the loop, and what is kept for a model."""

import gc
import weakref

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY
from playmask.errors import ConfigError, InputError
from playmask.generation.steering import bag_of_words
from playmask.generation.stream import stable
from playmask.tokenizers import Tokenizer

TEXTS = ["今天天气很好，我们去公园 play football, don't you? 3.5 yuan.", "hello world 你好"]
SEARCHES = [
    playmask.Greedy(),
    playmask.Beams(3),
    playmask.Beams(2, finish="drop"),
    playmask.Sample(temperature=1.3),
]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    tokenizer = Tokenizer.from_texts(TEXTS * 3, size=200)
    small = TINY.change(vocabulary=len(tokenizer), mask="lm", position=playmask.Learned(64))
    model = playmask.build(small, heads=("mlm",))
    model.tokenizer = tokenizer
    return model


@pytest.mark.backends
@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_the_pieces_are_the_text(model, search):
    rows = [[2, 7, 8], [2, 9], [2, 11, 7, 6]]
    pieces = [*playmask.stream(model, rows, max_tokens=24, search=search)]
    made = playmask.generate(model, rows, max_tokens=24, search=search)
    for i, texts in enumerate(made.tokens):
        told = "".join(piece.text for piece in pieces if piece.prompt == i)
        assert told == model.tokenizer.decode(texts[0])
    if isinstance(search, playmask.Sample):  # the others may write one long word
        assert len(pieces) > 2 * len(rows)


def test_half_a_character_waits(model):
    """Bytes of one character are told when they are complete."""
    letters = "ab好😀 c"
    data = letters.encode()

    def decode(ids):
        return data[: len(ids)].decode("utf-8", errors="replace")

    pieces = [*playmask.stream(model, [[2, 7]], max_tokens=len(data), end=None, decode=decode)]
    assert "".join(piece.text for piece in pieces) == letters
    assert all("\ufffd" not in piece.text for piece in pieces)
    assert next(piece.text for piece in pieces) == "ab好"


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("hello wor", "hello"),
        ("don '", "don"),
        ("你好", "你好"),
        ("你好\ufffd", "你好"),
        ("ab", ""),
    ],
)
def test_stable(text, sure):
    assert stable(text) == sure


def test_a_stream_is_one_text(model):
    with pytest.raises(ConfigError, match="n=2"):
        next(playmask.stream(model, [[2]], max_tokens=2, search=playmask.Sample(2)))
    plain = playmask.build(TINY.change(mask="lm"), heads=("mlm",))
    with pytest.raises(InputError, match="give decode="):
        next(playmask.stream(plain, [[2]], max_tokens=2))
    assert [*playmask.stream(model, [], max_tokens=2)] == []


def test_steering_in_the_loop(model):
    """PassageQuestion for words, the model writes them more often."""
    words = [20, 21, 22, 23, 24]
    rows = [[2, 7, 8], [2, 9, 5]]
    steer = playmask.Steering(bag_of_words(words), step_size=0.3)
    counts = []
    for one in (None, steer):
        made = playmask.generate(
            model, rows, max_tokens=16, end=None, steer=one, search=playmask.Sample(), seed=3
        )
        counts.append(np.isin([t for texts in made.tokens for t in texts[0]], words).sum())
    assert counts[1] > counts[0]
    with pytest.raises(ConfigError, match="one text a prompt"):
        playmask.generate(model, rows, max_tokens=4, steer=steer, search=playmask.Beams(2))


def test_a_model_is_not_kept_alive():
    model = playmask.build(TINY.change(mask="lm"), heads=("mlm",))
    playmask.generate(model, [[2, 7]], max_tokens=2)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
