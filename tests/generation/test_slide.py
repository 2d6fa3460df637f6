"""A window that slides along a text past the model's positions."""

import keras
import pytest

import playmask
from comparing import TINY
from playmask.errors import ConfigError, InputError

END = 7


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return playmask.build(TINY.change(mask="lm"), heads=("mlm",))


def test_where_there_is_room_it_changes_nothing(model):
    rows = [[1, 5, 9], [4, 8]]
    options = {"max_tokens": 12, "end": None}
    plain = playmask.generate(model, rows, **options)
    assert playmask.slide(model, rows, window=4, **options) == plain


def test_it_goes_on_from_the_last_tokens(model):
    """Each new span is what the model says after the last tokens of the text alone."""
    prompt, window = [3, 5, 9, 11, 2], 6
    made = playmask.slide(model, [prompt], window=window, max_tokens=50, end=None).tokens[0][0]
    assert len(made) == 50
    text, wanted = list(prompt), []
    while len(wanted) < 50:
        seen = text if len(text) <= 20 else text[-window:]
        count = min(50 - len(wanted), 20 - len(seen) + 1)
        part = playmask.generate(model, [seen], max_tokens=count, end=None).tokens[0][0]
        text, wanted = text + part, wanted + part
    assert made == wanted


def test_prompts_longer_than_the_positions_and_ends(model):
    rows = [[*range(4, 34)], [5]]
    with pytest.raises(InputError, match="30 tokens"):
        playmask.generate(model, rows, max_tokens=8, end=END)
    made = playmask.slide(model, rows, window=10, max_tokens=40, end=END, seed=2,
                          search=playmask.Sample(temperature=2.0))  # fmt: skip
    for (text,) in made.tokens:
        assert END not in text[:-1] and (text[-1] == END or len(text) == 40)
    assert min(len(text) for (text,) in made.tokens) < 40


def test_errors(model):
    with pytest.raises(ConfigError, match="one text a prompt"):
        playmask.slide(model, [[1]], window=4, max_tokens=4, search=playmask.Beams(2))
    with pytest.raises(ConfigError, match="below the 20 positions, not 20"):
        playmask.slide(model, [[1]], window=20, max_tokens=4)
    unilm = playmask.build(TINY.change(mask="unilm"), heads=("mlm",))
    with pytest.raises(ConfigError, match="running text"):
        playmask.slide(unilm, [[1]], window=4, max_tokens=4)
