"""What encoders of sentences learn from: triples, scores, texts, teachers; mining; whitening."""

from types import SimpleNamespace

import numpy as np
import pytest

import playmask
from playmask.data.sentences import Contrasted
from playmask.errors import CheckpointError, ConfigError, DataError
from playmask.tasks.similarity.learning import LOSSES
from playmask.tasks.similarity.settings import EncoderSettings
from playmask.tasks.similarity.teaching import Teacher, principal_components
from playmask.tasks.similarity.whitening import whitening
from tasks.made_up import QUICK
from tasks.test_similar import PAIRS, TEST, new_task, with_dropout

TRIPLES = [(a, b, [TEST[i][1], TEST[i + 1][1]][: 1 + i % 2]) for i, (a, b) in enumerate(PAIRS[:96])
           for i in [i % 30]]  # fmt: skip
SCORED = [(a, b, 2.0) for a, b in PAIRS[:96]]
SCORED += [(a, b, 1.0) for (a, _), (_, b) in zip(PAIRS[:96], PAIRS[7:103], strict=True)]


@pytest.mark.parametrize(
    ("loss", "data", "fields"),
    [
        pytest.param("infonce", TRIPLES, {"sizes": (8,)}, marks=pytest.mark.backends),
        ("cosent", SCORED, {}),
        ("esimcse", [text for text, _ in PAIRS], {"queue": 48}),
    ],
)
def test_it_learns_by_its_loss(loss, data, fields, tmp_path):
    task = with_dropout(loss, pooling="mean", **fields)
    history = task.fit(data, **QUICK)
    assert history["loss"][-1] < 0.9 * history["loss"][0], history
    again = playmask.load_task(task.save(tmp_path))
    assert again.settings == task.settings
    assert np.array_equal(again.encode(["一二"]), task.encode(["一二"]))


def test_vectors_are_cut():
    task = new_task(language_model=0.0, sizes=(8,))
    whole, small = task.encode(["一二", "三"]), task.predict(["一二", "三"], size=8)
    assert np.allclose(small, whole[:, :8] / np.linalg.norm(whole[:, :8], axis=1, keepdims=True))
    (score,) = task.predict([("一二", "三")], size=8)
    assert score == pytest.approx(float(small[0] @ small[1]), abs=1e-5)
    index = task.index(["一二", "三"], size=8)
    assert index.search("三", n=2, exact=True)[1].score == pytest.approx(score, abs=1e-5)
    task.cut_vectors(8)
    assert np.array_equal(task.encode(["一二", "三"]), small)
    with pytest.raises(CheckpointError, match="cut to 8 numbers, which sentence-transformers"):
        task.save("published", "sentence-transformers")
    with pytest.raises(ConfigError, match="size is from 1 to 24, not 25"):
        task.encode(["一"], size=25)
    with pytest.raises(ConfigError, match=r"sizes are \(32,\); the vectors have 24"):
        new_task(language_model=0.0, sizes=(32,))


def test_a_teacher(tmp_path):
    """A small student learns the vectors of a larger encoder, cut to their principal components."""
    large = new_task(language_model=0.0, pooling="mean_max")
    path = str(large.save(tmp_path / "large"))
    small = new_task(loss="mse", teacher_encoder=path, pooling="mean")
    texts = [text for text, _ in PAIRS]
    history = small.fit(texts, **QUICK | {"epochs": 4})
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    targets = small.teacher.vectors(texts[:20])
    cosines = (small.encode(texts[:20]) * targets).sum(1)
    assert cosines.mean() > 0.9
    assert np.allclose(np.linalg.norm(targets, axis=1), 1, atol=1e-5)


def test_principal_components_keep_products():
    random = np.random.default_rng(1)
    vectors = random.normal(size=(40, 3)) @ random.normal(size=(3, 6))
    cut = vectors @ principal_components(vectors, 3)
    assert np.allclose(cut @ cut.T, vectors @ vectors.T, atol=1e-4)
    with pytest.raises(ConfigError, match="have 6 numbers, this encoder's 7; give projection=6"):
        Teacher(SimpleNamespace(encode=lambda texts: vectors), 7, unit=True).vectors([])


def test_whitening_leaves_no_mean_and_no_correlation():
    random = np.random.default_rng(1)
    vectors = random.normal(size=(200, 5)) @ random.normal(size=(5, 5)) + 3
    vectors = vectors.astype("float32")
    kernel, bias = whitening(vectors)
    white = vectors.astype("float64") @ kernel + bias
    assert np.allclose(white.mean(0), 0, atol=1e-4)
    assert np.allclose(white.T @ white / 200, np.eye(5), atol=1e-3)
    u, s, _ = np.linalg.svd(np.cov(vectors.T, bias=True))  # Su's own lines
    theirs = (u @ np.diag(1 / np.sqrt(s)))[:, :2]
    ours = whitening(vectors, 2).kernel
    assert np.allclose(np.abs(ours), np.abs(theirs), rtol=1e-3)
    flat = vectors.copy()
    flat[:, 3:] = 0
    with pytest.raises(DataError, match="200 texts vary in 3 directions, of which 5 are due"):
        whitening(flat, 5)
    assert whitening(flat).kernel.shape == (5, 3)
    with pytest.raises(ConfigError, match="size is from 1 to 5"):
        whitening(vectors, 6)


def test_a_whitened_encoder_is_saved_in_both_forms(tmp_path):
    task = new_task(language_model=0.0, pooling="mean")
    texts = [text for text, _ in PAIRS]
    white = task.whitened(texts, 6)
    vectors = white.encode(texts)
    raw = task.network.vectors  # the same Transformer, so that both follow one training
    assert raw is not None and white.transformer is task.transformer
    assert vectors.shape == (len(texts), 6)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.abs(vectors.mean(0)).max() < 0.2 < np.abs(task.encode(texts).mean(0)).max()
    for dialect in ("playmask", "sentence-transformers"):
        again = playmask.load_task(white.save(tmp_path / dialect, dialect))
        assert np.allclose(again.encode(texts[:5]), vectors[:5], atol=1e-5)


def test_mining(tmp_path):
    """No negative is linked with its text, and ranks, margin and the highest cosine hold."""
    pytest.importorskip("usearch")
    task = new_task(language_model=0.0, pooling="mean")
    pairs = [*PAIRS[:30], (PAIRS[0][0], PAIRS[1][1]), ("九九", PAIRS[0][1])]
    mined = playmask.mine_negatives(task, pairs, negatives=3, sentences=["零零零"])
    first = mined[0]
    assert isinstance(first, Contrasted) and len(first.negatives) == 3
    pool = dict.fromkeys([*(pair for _, pair in pairs), "零零零"])
    cosines = dict(zip(pool, task.encode([*pool]) @ task.encode([first.text])[0], strict=True))
    others = [text for text in pool if text not in (PAIRS[0][1], PAIRS[1][1])]
    assert [*first.negatives] == sorted(others, key=lambda text: -cosines[text])[:3]
    later = playmask.mine_negatives(task, pairs, negatives=2, first=3, last=4)
    assert later[0].negatives[0] == first.negatives[2]
    own = cosines[PAIRS[0][1]]
    margin = playmask.mine_negatives(task, pairs, negatives=30, last=40, margin=0.01)
    below = sorted(text for text in others[:-1] if cosines[text] <= own - 0.01)
    assert sorted(margin[0].negatives) == below and 0 < len(below) < len(others) - 1
    drawn = [
        playmask.mine_negatives(task, pairs, negatives=2, draw=True, seed=seed)[0].negatives
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert playmask.mine_negatives(task, [("一", "壹")], highest=-1.0) == [("一", "壹", None)]
    with pytest.raises(ConfigError, match="Ranks 1 to 3 are fewer than 5 negatives"):
        playmask.mine_negatives(task, pairs, last=3)
    scores = task.evaluate(mined)
    assert 0 < scores["rerank_map"] < 1 and 0 < scores["rerank_mrr"] < 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"loss": "cosemt"}, "no loss 'cosemt'. Did you mean 'cosent'"),
        ({"loss": "cosent", "language_model": 2.0}, "'cosent' learns no writing"),
        ({"loss": "cosent", "teacher_encoder": "e5"}, "'cosent' has no teacher"),
        ({"loss": "mse", "sizes": (8,)}, "compares whole vectors"),
        ({"sizes": (0,)}, "whole numbers from 1"),
        ({"scale": 0.0}, "scale is above 0"),
        ({"repetition": 1.5}, "repetition is a part"),
    ],
)
def test_settings_that_do_not_go_together(fields, message):
    with pytest.raises(ConfigError, match=message):
        EncoderSettings(**fields)


@pytest.mark.parametrize(
    ("fields", "data", "message"),
    [
        ({"loss": "simcse"}, ["一", "二"], "compares two dropouts, and the model has none"),
        ({"loss": "triplet"}, PAIRS[:4], "Example 0: It has no negative"),
        ({"loss": "cosent"}, PAIRS[:4], "Example 0: It has no score"),
        ({"loss": "cosent"}, [(*pair, 1) for pair in PAIRS[:4]], "All pairs have the score 1"),
        ({"loss": "mse"}, ["一", "二"], "name it: teacher_encoder"),
        ({}, [(*pair, ["三"]) for pair in PAIRS[:4]], "give language_model=0"),
        ({"loss": "infonce", "dropout": 0.3}, PAIRS[:4], r"load it with dropout=0\.3"),
    ],
)
def test_what_a_loss_cannot_learn_from_is_refused_before_training(fields, data, message):
    with pytest.raises((ConfigError, DataError), match=message):
        new_task(**fields).fit(data, **QUICK)


def test_each_loss_of_the_settings_is_in_the_table():
    assert {*LOSSES} == {*EncoderSettings.__annotations__["loss"].__args__}
