"""Filling gaps and sampling whole texts, against a plain program that calls the model each time."""

from collections import Counter

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY, log_softmax, numpy_of
from playmask.errors import ConfigError, InputError

MASK, BARRED = 3, [0, 1]
ROWS = [[2, 3, 3, 9, 8], [3, 4, 5, 3, 3, 3, 9, 9], [3]]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return playmask.build(TINY, heads=("mlm",))


def logs(model, row):
    """Log-probabilities of each token at each place of a row, without those that are barred."""
    logits = numpy_of(model({"tokens": np.array([row], "int32")})["logits"])[0].copy()
    logits[:, [*BARRED, MASK]] = -1e9
    return log_softmax(logits)


def mask_predict(model, row, iterations):
    """Ghazvininejad et al. 2019, §3, on one row."""
    row, gaps = list(row), [i for i, token in enumerate(row) if token == MASK]
    scores = dict.fromkeys(gaps, -np.inf)
    for t in range(iterations):
        count = len(gaps) * (iterations - t) // iterations
        again = sorted(gaps, key=lambda i: scores[i])[:count]
        for i in again:
            row[i] = MASK
        told = logs(model, row)
        for i in again:
            row[i], scores[i] = int(told[i].argmax()), float(told[i].max())
    return row, [scores[i] for i in gaps]


@pytest.mark.backends
@pytest.mark.parametrize("iterations", [1, 3])
def test_fill_is_mask_predict(model, iterations):
    filled = playmask.fill(model, ROWS, iterations=iterations, mask=MASK, forbid=BARRED)
    for row, tokens, scores in zip(ROWS, filled.tokens, filled.scores, strict=True):
        wanted, told = mask_predict(model, row, iterations)
        assert tokens == wanted
        np.testing.assert_allclose(scores, told, atol=1e-4)


def test_more_iterations_look_at_what_was_filled(model):
    once, more = (
        playmask.fill(model, ROWS, iterations=n, mask=MASK, forbid=BARRED).tokens for n in (1, 10)
    )
    assert once != more


@pytest.mark.backends
def test_gibbs_draws_from_the_model(model):
    """With one place, each step draws from the model's distribution there."""
    row = [2, 7, 9, 5]
    drawn = playmask.gibbs(
        model, [row], steps=600, every=1, places=[[1]], mask=MASK, forbid=BARRED, seed=1
    )
    assert all(rows[0][:1] + rows[0][2:] == [2, 9, 5] for rows in drawn)
    counts = Counter(rows[0][1] for rows in drawn)
    chances = np.exp(logs(model, [2, MASK, 9, 5])[1])
    found = np.array([counts[i] for i in range(TINY.vocabulary)]) / len(drawn)
    spread = np.sqrt(chances * (1 - chances) / len(drawn))
    assert (np.abs(found - chances) < 4.5 * spread + 1e-3).all()


def test_gibbs_at_no_temperature_is_the_likeliest(model):
    options = {"places": [[1]], "mask": MASK, "forbid": BARRED, "temperature": 1e-300}
    [[coldest]] = playmask.gibbs(model, [[2, 7, 9, 5]], steps=1, **options)
    assert coldest == [2, int(logs(model, [2, MASK, 9, 5])[1].argmax()), 9, 5]


def test_gibbs_draws_every_place_and_the_same_again(model):
    rows = [[2, 7, 8, 9, 5], [4, 5, 6]]
    options = {"places": [[1, 2, 3], [0]], "mask": MASK, "forbid": BARRED}
    kept = playmask.gibbs(model, rows, steps=60, every=20, **options)
    assert len(kept) == 3 and kept[-1] == playmask.gibbs(model, rows, steps=60, **options)[0]
    assert kept[-1] != playmask.gibbs(model, rows, steps=60, seed=5, **options)[0]
    first, second = kept[-1]
    assert (first[0], first[4]) == (2, 5) and second[1:] == [5, 6]
    changed = {i for time in kept for i in (1, 2, 3) if time[0][i] != rows[0][i]}
    assert changed == {1, 2, 3}


def test_errors(model):
    with pytest.raises(InputError, match="Row 1 has no gap"):
        playmask.fill(model, [[3, 4], [4, 5]], mask=MASK)
    with pytest.raises(InputError, match="give mask="):
        playmask.fill(model, [[3]])
    with pytest.raises(InputError, match="Row 0 holds an id outside 0 to 39"):
        playmask.fill(model, [[3, 40]], mask=MASK)
    with pytest.raises(InputError, match="21 tokens; the model has 20 positions"):
        playmask.fill(model, [[3] * 21], mask=MASK)
    with pytest.raises(InputError, match="a place lies outside"):
        playmask.gibbs(model, [[4, 5]], steps=1, places=[[2]], mask=MASK)
    with pytest.raises(ConfigError, match="order 'full'"):
        playmask.fill(playmask.build(TINY.change(mask="lm"), heads=("mlm",)), [[3]], mask=MASK)
