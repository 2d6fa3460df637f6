"""What experiments share in learning: questions, batches, training, decoding."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import playmask
from playmask.experiments import invented, runner
from playmask.experiments.corpora import Corpus
from playmask.experiments.objectives import answers, masked, next_tokens, permuted, targets
from playmask.experiments.plan import Experiment, Sizes
from playmask.experiments.tasks import language, translation
from playmask.experiments.training import Stream, in_order, scorer
from playmask.tokenizers import Tokenizer

ROWS = {
    "tokens": np.array([[2, 5, 6, 3, 7, 8, 3, 0], [2, 9, 3, 10, 3, 0, 0, 0]]),
    "segments": np.array([[0, 0, 0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 0, 0, 0]]),
}
TINY = playmask.architecture("bert").change(
    vocabulary=40, width=16, depth=2, attention_heads=2, inner=32, position=playmask.Learned(32)
)


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_next_tokens():
    inputs, wanted, weights = next_tokens(0)({"tokens": ROWS["tokens"]}, random())
    np.testing.assert_array_equal(inputs["tokens"], ROWS["tokens"][:, :-1])
    np.testing.assert_array_equal(wanted[0], [5, 6, 3, 7, 8, 3, 0])
    np.testing.assert_array_equal(weights.sum(axis=1), [6, 4])


def test_targets_are_read_where_they_are_told():
    inputs, wanted, weights = targets(0, 4)(ROWS, random())
    np.testing.assert_array_equal(wanted[weights > 0], [7, 8, 3, 10, 3])
    np.testing.assert_array_equal(inputs["read"][weights > 0], [3, 4, 5, 2, 3])


def test_answers_are_shifted():
    rows = {"tokens": ROWS["tokens"], "target": np.array([[2, 7, 3, 0], [2, 8, 9, 3]])}
    inputs, wanted, weights = answers(0)(rows, random())
    np.testing.assert_array_equal(inputs["target_tokens"], [[2, 7, 3], [2, 8, 9]])
    np.testing.assert_array_equal(wanted * weights, [[7, 3, 0], [8, 9, 3]])


def test_masked_tokens_are_hidden_and_asked_for():
    rows = {"tokens": random().integers(5, 40, (64, 40))}
    rows["tokens"][:, 0], rows["tokens"][:, -4:] = 2, 0
    inputs, wanted, weights = masked(0, 4, [0, 1, 2, 3, 4], 40)(rows, random())
    original = np.take_along_axis(rows["tokens"], inputs["read"], 1)
    np.testing.assert_array_equal(wanted, original)
    seen = np.take_along_axis(inputs["tokens"], inputs["read"], 1)[weights > 0]
    assert (weights.sum(axis=1) == 6).all() and not np.isin(wanted[weights > 0], [0, 2]).any()
    assert 0.7 < (seen == 4).mean() < 0.9
    changed = inputs["tokens"] != rows["tokens"]
    assert changed.sum() <= weights.sum() and not changed[:, 0].any()


@pytest.mark.parametrize("strict", [True, False])
def test_a_permuted_answer_sees_lower_ranks_only(strict):
    """Which tokens move an answer's logits: never its own, unless the mask is wrong."""
    keras.utils.set_random_seed(0)
    model = playmask.build(TINY.change(mask="permutation"), "mlm")
    ask = permuted(model.architecture, 0, 4, 4, strict=strict)
    inputs, wanted, weights = ask(ROWS, random())
    np.testing.assert_array_equal(wanted[weights > 0], [7, 8, 3, 10, 3])
    ranks = inputs["order"][0, 4:7]
    assert sorted(ranks) == [1, 2, 3] and (inputs["order"][0, :4] == 0).all()
    before = np.asarray(model(inputs)["logits"])[0]
    for place in (4, 5, 6):
        rows = {**ROWS, "tokens": ROWS["tokens"].copy()}
        rows["tokens"][0, place] = 20
        after = np.asarray(model(ask(rows, random())[0])["logits"])[0]
        moved = np.abs(after - before).max(axis=-1)[:3] > 1e-6
        np.testing.assert_array_equal(moved, (ranks - strict) >= ranks[place - 4])


def test_a_stream_gives_each_row_once_and_the_same_for_a_seed():
    rows = {"tokens": np.arange(30).reshape(10, 3) + 1}

    def epoch(seed: int, segment: int) -> list[int]:
        stream = Stream(rows, next_tokens(0), batch=4, segment_steps=5, seed=seed)
        stream.segment = segment
        return [int(row[0]) for i in range(5) for row in stream[i][0]["tokens"]]

    first = epoch(0, 0)
    assert sorted(first[:10]) == sorted(first[10:]) == [1 + 3 * i for i in range(10)]
    assert first == epoch(0, 0) != epoch(1, 0) and first[:10] != first[10:] != epoch(0, 1)[10:]
    weights = np.concatenate([w[:, 0] for _, _, w in in_order(rows, next_tokens(0), 4)])
    assert weights.sum() == 10 and len(weights) == 12


@pytest.mark.parametrize("form", translation.FORMS)
def test_translations_are_the_likeliest_tokens(form):
    """Of what is asked for in training; sources are cut to half of the length."""
    way, pairs = translation.FORMS[form], [("a b c d e f g h", "c d"), ("b", "a"), ("e f", "b a c")]
    tokenizer = Tokenizer.from_texts([text for pair in pairs for text in pair], size=40)
    sizes = Sizes(16, 2, 2, 32, 40, 12, 1, 1, 0.1)
    keras.utils.set_random_seed(3)
    body = TINY.change(dropout=0.0, vocabulary=len(tokenizer), **way.changes(sizes))
    model = playmask.build(body, "mlm")
    for weight in model.trainable_variables:  # far from zero, so that answers differ
        weight.assign(weight.value * 8)
        if weight.path.endswith("mlm/bias"):  # nobody learns to write padding
            weight.assign(-100.0 * (np.arange(len(tokenizer)) == tokenizer.pad))
    sources, half = [source for source, _ in pairs], sizes.length // 2
    made = translation.translations(model, way, sources, tokenizer, sizes)
    assert len({*made}) > 1
    for source, text in zip(sources, made, strict=True):
        ids = tokenizer.encode(source, max_length=half).ids
        written = [tokenizer.cls, *_told(model, way, ids, half, tokenizer)]
        assert tokenizer.decode(written) == text


def _told(model, way, source: list[int], half: int, tokenizer) -> list[int]:
    """The likeliest next token, again and again, as the objective of training asks for it."""
    ask = way.objective(0, half)
    written: list[int] = []
    while len(written) < half and tokenizer.sep not in written:
        rows = way.rows([source], [[tokenizer.cls, *written, 5]], half + 1, 0)
        inputs, _, _ = ask(rows, random())
        logits = np.asarray(model(inputs)["logits"])
        written.append(int(logits[0, len(written)].argmax()))
    return written


def test_windows_ask_for_every_token_once():
    texts = language.prepare(
        Corpus("here", invented.lines(50, 0), ["the dog sees the cat .", ""]),
        Sizes(16, 1, 2, 32, 99, 4, 1, 1, 0.1),
    )
    tokens = texts.test["tokens"]
    assert tokens.shape == (2, 5) and (tokens[1, 0] == tokens[0, -1]) and texts.extra == 6 + 2
    _, _, weights = next_tokens(texts.pad)(texts.test, random())
    assert weights.sum() == 7  # six words and two ends, but the first token


def test_a_model_that_does_not_learn_is_refused(tmp_path, monkeypatch):
    """The same tiny training with a rate that changes nothing, and with one that does."""
    monkeypatch.delenv("PLAYMASK_DATA", raising=False)  # invented texts, which are easy
    task = language.TASK
    for rate, learns in ((1e-9, False), (1e-2, True)):
        sizes = replace(task.sizes["smoke"], rate=rate, steps=40, train=200, test=20)
        changed = replace(task, sizes={**task.sizes, "smoke": sizes})
        experiment = Experiment("one", "One", "", (), (changed,), lambda sizes: {"plain": {}})
        if learns:
            [result] = runner.run(experiment, "smoke", out=tmp_path)
            assert result["metrics"]["perplexity"] < 12 and result["shown"] == {}
            assert result["training"]["losses"][-1] < result["training"]["losses"][0]
        else:
            with pytest.raises(runner.NotLearnedError, match="plain learned nothing on language"):
                runner.run(experiment, "smoke", out=tmp_path)


def test_a_score_counts_by_weight():
    keras.utils.set_random_seed(0)
    model = playmask.build(TINY.change(mask="lm"), "mlm")
    score = scorer(model, next_tokens(0), batch=2)
    logits = np.asarray(model({"tokens": ROWS["tokens"][:, :-1]})["logits"], "float64")
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    wanted = ROWS["tokens"][:, 1:]
    told = np.take_along_axis(logs, wanted[..., None], -1)[..., 0]
    found = score({"tokens": ROWS["tokens"]})
    np.testing.assert_allclose(found.nats, -told[wanted != 0].sum(), rtol=1e-5)
    assert found.targets == 10
