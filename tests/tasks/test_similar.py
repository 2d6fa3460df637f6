"""Similar sentences: vectors that find their pair, an index of them, and pairs read together."""

import sys

import keras
import numpy as np
import pytest
from keras import ops

import playmask
from comparing import numpy_of
from playmask.errors import CheckpointError, ConfigError, DataError, InputError
from playmask.metrics.similarity import correlation, retrieval
from playmask.tasks.similarity.encoder import SentenceEncoder
from playmask.tasks.similarity.sentence_batches import both_ways
from playmask.tasks.similarity.vector_losses import Contrast
from tasks.made_up import DIGITS, QUICK, model, numbers, tokenizer

CAPITALS = "壹贰叁肆伍陆柒捌玖拾"
WORDS = tokenizer(CAPITALS)


def capital(text: str) -> str:
    """The same number in the digits of cheques: no character in common."""
    return "".join(CAPITALS[DIGITS.index(digit)] for digit in text)


def pairs(count: int, seed: int = 0) -> list[tuple[str, str]]:
    return [(text, capital(text)) for text in dict.fromkeys(numbers(count, seed=seed, longest=3))]


PAIRS, TEST = pairs(480), pairs(40, seed=9)


def new_task(**options) -> SentenceEncoder:
    changes = {"mask": "unilm"} if options.get("language_model", 1) else {}
    return SentenceEncoder.new(
        model(WORDS, **changes), tokenizer=WORDS, **{"max_length": 8, **options}
    )


def with_dropout(loss: str, **fields) -> playmask.SentenceEncoder:
    """An encoder of a tiny model that has dropout."""
    keras.utils.set_random_seed(3)
    changed = model(WORDS).architecture.change(dropout=0.1, attention_dropout=0.1)
    return SentenceEncoder.new(
        playmask.build(changed, ()), tokenizer=WORDS, max_length=8, loss=loss, **fields
    )


@pytest.mark.backends
@pytest.mark.parametrize(
    "options", [{}, {"language_model": 0.0, "pooling": "mean"}], ids=["SimBERT", "contrast alone"]
)
def test_it_learns_saves_loads_and_gives_the_same_vectors(options, tmp_path):
    task = new_task(**options)
    before = task.evaluate(TEST)
    history = task.fit(PAIRS, TEST, **QUICK | {"epochs": 10})
    after = task.evaluate(TEST)
    assert before["accuracy"] < 0.2 and after["accuracy"] > 0.8, (before, after)
    assert after["mrr"] >= after["accuracy"] and after["examples"] == len(TEST)
    assert history["val_vectors_pair_accuracy" if options == {} else "val_pair_accuracy"][-1] > 0.8
    texts = [text for text, _ in TEST]
    again = playmask.load_task(task.save(tmp_path))
    assert isinstance(again, SentenceEncoder)
    assert np.array_equal(again.encode(texts), task.encode(texts))
    assert np.allclose(np.linalg.norm(task.encode(texts), axis=1), 1, atol=1e-6)
    if options == {}:
        assert history["val_logits_accuracy"][-1] > 0.5 > 0.4 > history["val_logits_accuracy"][0]
        written = task.paraphrase(texts[:4])
        assert all(written)
        assert again.paraphrase(texts[:4]) == written


@pytest.mark.backends
def test_the_contrast_is_that_of_numpy():
    """Pairs 0-3, 1-4, 2-5; sentence 7 stands twice, and the third pair only fills the batch."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(6, 5)).astype("float32")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    told = np.array(
        [[3, 7, 0, 0], [4, 8, 0, 1], [-1, 9, -1, 2], [0, 5, 1, 0], [1, 7, 1, 1], [-1, 4, -1, 2]]
    )
    found = numpy_of(
        Contrast(30.0).call(ops.convert_to_tensor(told), ops.convert_to_tensor(vectors))
    )
    among = {0: [3, 1], 1: [4, 3], 3: [0, 1], 4: [1, 3]}  # the pair first; 0 and 4 are one sentence
    for row, others in among.items():
        logits = 30.0 * vectors[others].astype("float64") @ vectors[row]
        assert found[row] == pytest.approx(np.log(np.exp(logits).sum()) - logits[0], abs=1e-4)
    alone = np.array([[2, 0, 0, 0], [3, 1, 0, 1], [0, 2, 1, 0], [1, 3, 1, 1]])
    loss = numpy_of(
        Contrast(30.0).call(ops.convert_to_tensor(alone), ops.convert_to_tensor(vectors[:4]))
    )
    logits = 30.0 * vectors[:4].astype("float64") @ vectors[:4].T
    np.fill_diagonal(logits, -np.inf)
    wanted = np.log(np.exp(logits).sum(axis=1)) - logits[range(4), alone[:, 0]]
    assert np.allclose(loss, wanted, atol=1e-4)


def test_both_ways():
    """[CLS] a [SEP] b b [SEP] becomes [CLS] b b [SEP] a [SEP]; padding stays behind."""
    inputs = {
        "tokens": np.array([[2, 7, 3, 8, 9, 3, 0]]),
        "segments": np.array([[0, 0, 0, 1, 1, 1, 0]]),
        "valid": np.array([[True] * 6 + [False]]),
    }
    made = both_ways(inputs)
    assert made["tokens"].tolist() == [[2, 7, 3, 8, 9, 3, 0], [2, 8, 9, 3, 7, 3, 0]]
    assert made["segments"].tolist() == [[0, 0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 1, 1, 0]]
    assert made["valid"].tolist() == [[True] * 6 + [False]] * 2


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_training_sees_the_vectors_of_sentences_that_are_read_alone(pooling):
    """The second sentence is hidden from the first one's vector; with mask="full" it is not."""
    task = new_task(pooling=pooling)
    inputs, told, weights = task.batches(task.read(PAIRS[:3]), 4, shuffle=False)[0]
    vectors = numpy_of(task.network(inputs, training=False)["vectors"])
    alone = task.encode([text for pair in zip(*PAIRS[:3], strict=True) for text in pair])
    assert np.allclose(vectors, alone, atol=1e-5)
    assert told["vectors"][:, 0].tolist() == [3, 4, 5, 0, 1, 2] and weights["vectors"].all()
    inputs["segments"] = np.zeros_like(inputs["segments"])
    leaking = numpy_of(task.network(inputs, training=False)["vectors"])
    assert not np.allclose(leaking, alone, atol=1e-2)


def test_pairs_with_scores():
    """It learns from the similar ones, and is measured by correlation."""
    task = new_task()
    examples = task.read([("一", "壹", 5), ("一", "贰", 0), ("二", "贰", "5.0"), ("三", "叁", 4)])
    task.settings = task.learn(task.settings, examples)
    assert task.settings.similar_from == 5
    assert len(task.batches(examples, 2).rows) == 2
    assert len(new_task(similar_from=4).batches(examples, 2).rows) == 3
    scores = task.evaluate(examples)
    likeness = task.similarity([example[:2] for example in examples])
    assert scores["spearman"] == pytest.approx(correlation(likeness, [5, 0, 5, 4]).spearman)
    assert task.predict(("一", "壹")) == pytest.approx(likeness[0])
    assert np.allclose(task.predict([("一", "壹"), ("一", "贰")]), likeness[:2], atol=1e-6)
    with pytest.raises(DataError, match=r"two similar pairs.*there are 1"):
        new_task(similar_from=6).batches(task.read([("一", "壹", 7)]), 2)
    with pytest.raises(DataError, match="two similar pairs.*batch size is 1"):
        task.fit(PAIRS, **QUICK | {"batch_size": 1})


def test_measures_by_hand():
    same = correlation([0.1, 0.2, 0.9], [1, 2, 3])
    assert same.spearman == pytest.approx(1.0)
    assert same.pearson == pytest.approx(np.corrcoef([0.1, 0.2, 0.9], [1, 2, 3])[0, 1])
    assert correlation([1, 2, 3, 4], [1, 1, 0, 0]).spearman == pytest.approx(-2 / np.sqrt(5))
    assert correlation([1, 1], [1, 2]) == (0.0, 0.0)
    answers = np.array([[1, 0], [0, 1], [0.8, 0.6]])
    assert retrieval(np.eye(2), answers, [0, 2])[:2] == pytest.approx((1 / 2, (1 + 1 / 2) / 2))
    assert retrieval(np.ones((5, 2)), np.ones((5, 2)), range(5))[:2] == pytest.approx((0, 1 / 5))
    found = retrieval(np.eye(2), answers, [{0, 1}, {2}])  # the second of query 0 comes last
    assert found == pytest.approx((1 / 2, 3 / 4, ((1 + 2 / 3) / 2 + 1 / 2) / 2, found.ndcg_10, 1))
    first = (1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert found.ndcg_10 == pytest.approx((first + 1 / np.log2(3)) / 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (["一"], "Example 0: It is '一', not"),
        ([("一", "壹"), ("二", " ")], "Example 1: The pair is ' '"),
        ([("一", "壹", "x")], "Example 0: It has the score 'x', which is no number"),
        ([("一", "壹", 1), ("二", "贰")], "Example 1 has no score"),
        ([], "There are no examples"),
    ],
)
def test_bad_pairs_are_refused(data, message):
    with pytest.raises(DataError, match=message):
        new_task().fit(data, **QUICK)


def test_files_are_read(tmp_path):
    file = tmp_path / "pairs.tsv"
    file.write_text("一\t壹\t1\n二\t贰\tx\n", encoding="utf-8")
    with pytest.raises(DataError, match="'x'"):
        new_task().read(file)
    examples = new_task().read(file, skip_bad=True)
    assert examples == [("一", "壹", 1.0)] and len(examples.skipped) == 1


def test_what_is_refused():
    task = new_task()
    with pytest.raises(ConfigError, match="or give language_model=0"):
        SentenceEncoder.new(model(WORDS), tokenizer=WORDS, max_length=8)
    with pytest.raises(ConfigError, match="max_length 20 take 39 positions, but the model has 32"):
        new_task(max_length=20)
    with pytest.raises(ConfigError, match="scale is above 0"):
        new_task(scale=0)
    with pytest.raises(ConfigError, match="Did you mean 'mean'"):
        new_task(pooling="meen")
    with pytest.raises(ConfigError, match="it cannot write"):
        new_task(language_model=0.0).paraphrase("一")
    with pytest.raises(InputError, match="Text 1 is empty"):
        task.encode(["一", ""])
    for texts in (None, [5], [("一", "二"), "三"]):
        with pytest.raises(InputError):
            task.predict(texts)
    assert task.predict([]).shape == (0, 24)


def test_the_index(tmp_path):
    pytest.importorskip("usearch")
    task = new_task()
    sentences = numbers(300, seed=4)
    index = task.index(sentences)
    vectors = task.encode(sentences)
    query = "三二一"
    wanted = vectors @ task.predict(query)
    found = index.search(query, 5, exact=True)
    assert [score for _, score in found] == pytest.approx(sorted(wanted)[:-6:-1], abs=1e-5)
    assert task.similarity([(query, found[0].sentence)])[0] == pytest.approx(found[0].score)
    assert index.search([query, sentences[0]], 5)[1][0].score == pytest.approx(1.0)
    assert len(index.search(query, 1000)) == len(index) == 300 and index.search([]) == []
    index.save(tmp_path / "index")
    again = playmask.SentenceIndex.load(tmp_path / "index", task)
    assert again.search(query, 5) == index.search(query, 5)
    task.fit(PAIRS, **QUICK | {"epochs": 2})
    with pytest.raises(CheckpointError, match="was made by another encoder"):
        playmask.SentenceIndex.load(tmp_path / "index", task)
    (tmp_path / "index" / "vectors.usearch").unlink()
    with pytest.raises(CheckpointError, match="no whole index"):
        playmask.SentenceIndex.load(tmp_path / "index", task)
    with pytest.raises(CheckpointError, match="no index in"):
        playmask.SentenceIndex.load(tmp_path, task)
    with pytest.raises(InputError, match="no sentences"):
        task.index([])
    with pytest.raises(InputError, match="n is 0"):
        index.search(query, 0)


def test_the_index_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ConfigError, match=r"pip install 'playmask\[search\]'"):
        new_task().index(["一"])


@pytest.mark.backends("jax")
def test_pairs_that_are_read_together_learn_their_scores(tmp_path):
    """How many digits two numbers share, 1 to 3."""
    rows = [
        (a, b, 1 + 2 * len(set(a) & set(b)) / 2)
        for a in ("一二", "三四", "五六", "七八")
        for b in ("二一", "一三", "四三", "五七", "六八", "九零")
    ]
    task = playmask.SentencePair.new(model(WORDS), tokenizer=WORDS, max_length=16)
    before = task.evaluate(rows)
    task.fit(rows * 8, **QUICK | {"epochs": 10})
    after = task.evaluate(rows)
    assert before["pearson"] < 0.5 < 0.8 < after["pearson"], (before, after)
    assert task.settings.scale == (1.0, 3.0)
    texts = [row[:2] for row in rows]
    found = task.predict(texts)
    assert all(1 <= score <= 3 for score in found)
    assert playmask.load_task(task.save(tmp_path)).predict(texts) == found
    assert task.predict(texts[0]) == pytest.approx(found[0], abs=1e-5)
    with pytest.raises(DataError, match="All pairs have the score 2"):
        task.fit([("一", "二", 2), ("二", "三", 2)], **QUICK)
    with pytest.raises(DataError, match="Example 0: It has no score"):
        task.evaluate([("一", "二")])
    with pytest.raises(DataError, match="was trained on pairs"):
        task.predict("一")
