"""Language models: they learn what comes next, on a condition too, and come back the same."""

import math

import keras
import numpy as np
import pytest

import playmask
from comparing import log_softmax
from playmask.errors import ConfigError, DataError, InputError
from playmask.tasks.writing.language_model import ROOM
from playmask.tokenizers.wordpiece import specification
from tasks.made_up import QUICK, cycle, model, tokenizer

WORDS = tokenizer("顺倒")
ROUND = [cycle(i % 10, length=4 + i % 8) for i in range(160)]
TOLD = [("零一二三", "顺"), ("九八七六", "倒")] * 32
LABELS = {"labels": ["顺", "倒"]}


def new_task(words=WORDS, *, changes=(), **options) -> playmask.LanguageModel:
    made = model(words, mask="lm", depth=1, **dict(changes))
    return playmask.LanguageModel.new(made, tokenizer=words, max_length=16, **options)


@pytest.fixture(scope="module")
def trained() -> playmask.LanguageModel:
    task = new_task()
    task.fit(ROUND, ROUND[:32], **QUICK | {"epochs": 5})
    return task


def test_it_learns_writes_saves_and_comes_back(trained, tmp_path):
    scores = trained.evaluate(ROUND)
    assert scores["perplexity"] == math.exp(scores["loss"]) < 3
    found = trained.predict(["三四五", "九"], max_tokens=4)
    assert found == ["六七八九", "零一二三"]
    assert trained.predict("三四五", max_tokens=4) == "六七八九"
    assert trained.generate(["三四五", "九"], max_tokens=4) == ["三四五六七八九", "九零一二三"]
    assert "".join(trained.writer.stream("三四五", max_tokens=4)) == "六七八九"
    again = playmask.load_task(trained.save(tmp_path))
    assert isinstance(again, playmask.LanguageModel)
    assert again.evaluate(ROUND) == scores
    assert again.predict(["三四五", "九"], max_tokens=4) == found


@pytest.mark.backends
def test_a_cycle_is_learnt_on_every_backend():
    task = new_task()
    task.fit(ROUND, **QUICK | {"epochs": 5})
    assert task.evaluate(ROUND)["perplexity"] < 3
    assert task.generate("三", max_tokens=3) == "三四五六"


def test_a_text_may_begin_with_nothing(trained):
    text = trained.generate(max_tokens=3)
    assert len(text) == 3 and text in cycle(0, length=20)


def test_several_texts_each(trained):
    sampled = {"search": playmask.Sample(3), "best": 3, "max_tokens": 4}
    texts = trained.generate("三四", seed=1, **sampled)
    assert len(texts) == 3 and all(text.startswith("三四") for text in texts)
    assert trained.generate("三四", seed=1, **sampled) == texts
    assert trained.predict(["三四"], seed=1, **sampled) == [[text[2:] for text in texts]]
    assert trained.predict([]) == []


def test_loss_is_the_mean_over_tokens_without_padding():
    """Rows of several lengths, in a batch that copies fill up, against plain numpy."""
    task, texts = new_task(), ["三四五六七", "九", "一二"]
    nats = []
    for text in texts:
        ids = task.tokenizer.encode(text).ids
        logs = log_softmax(task.transformer({"tokens": np.array([ids])})["logits"])[0]
        nats += [-logs[i, token] for i, token in enumerate(ids[1:])]
    scores = task.evaluate(texts)
    assert scores["loss"] == pytest.approx(np.mean(nats), abs=1e-5)
    task.compile(keras.optimizers.SGD(0.0))
    batches = task.batches(task.read(texts), 8, shuffle=False)
    assert len(batches) == 1
    logged = task.network.evaluate(batches, verbose=0, return_dict=True)
    assert logged["loss"] == pytest.approx(np.mean(nats), abs=1e-5)


@pytest.mark.parametrize(
    ("condition", "size", "words"),
    [("label", 2, WORDS), ("code", None, WORDS), ("unused", None, None)],
)
def test_a_label_tells_what_is_written(condition, size, words, tmp_path):
    words = words or unused_tokens()
    changes = {} if size is None else {"condition_size": size}
    task = new_task(words, changes=changes, condition=condition, **LABELS)
    task.fit(TOLD, **QUICK | {"epochs": 12})
    texts = task.generate(["", ""], label=["顺", "倒"], max_tokens=4)
    assert texts == ["零一二三", "九八七六"]
    again = playmask.load_task(task.save(tmp_path))
    assert again.settings == task.settings
    assert again.prompts(["三"], "倒").rows == task.prompts(["三"], "倒").rows
    with pytest.raises(DataError, match=r"A prompt has the label '例'.*Known: '倒', '顺'"):
        task.generate(label="例")
    with pytest.raises(DataError, match="Example 1: It has the label None"):
        task.fit([("三四", "顺"), ("三四", None)], **QUICK)
    with pytest.raises(DataError, match=r"Example 0: It is '三四', not \(text, label\)"):
        task.fit(["三四"], **QUICK)


def unused_tokens() -> playmask.Tokenizer:
    """WORDS with two tokens more that no text has."""
    tokens = [*WORDS.vocabulary, "[unused1]", "[unused2]"]
    return playmask.Tokenizer(specification(tokens, lowercase=True))


def test_a_vector_tells_what_is_written():
    task = new_task(changes={"condition_size": 3}, condition="vector")
    vectors = {"顺": np.array([1.0, 0, 0]), "倒": np.array([0, 0.5, 0.5])}
    data = [(text, vectors[label]) for text, label in TOLD]
    task.fit(data, **QUICK | {"epochs": 12})
    both = np.stack([vectors["顺"], vectors["倒"]])
    assert task.generate(["", ""], vector=both, max_tokens=4) == ["零一二三", "九八七六"]
    with pytest.raises(DataError, match=r"Example 0: It has a vector of \(2,\); \(3,\)"):
        task.fit([("三", [1.0, 2.0])], **QUICK)
    with pytest.raises(DataError, match="holds no vectors"):
        task.read("texts.txt")


def test_texts_without_labels_are_told_nothing(trained):
    with pytest.raises(InputError, match="neither labels nor vectors"):
        trained.generate(label="顺")
    assert "condition" not in trained.prompts(["三"]).options


def test_rooms(trained):
    """What max_length leaves, and an error that tells positions and tokens."""
    assert trained.room([[1] * 10]) == 6 and trained.room([[1] * 30]) == 1
    assert new_task().room([[1]]) == 15 < ROOM
    with pytest.raises(InputError, match="the model has 32"):
        trained.predict("三", max_tokens=99)


def test_a_text_too_long_is_cut_without_an_end():
    task = new_task()
    row = task.encode_examples(task.read([cycle(0, length=40)])).rows[0]
    assert len(row["tokens"]) == 16 and row["tokens"][-1] != task.tokenizer.sep
    assert row["counts"] == [0] + [1] * 15


def test_files_are_read_and_bad_ones_refused_with_their_line(tmp_path):
    task, told = new_task(), new_task(condition="code", **LABELS)
    plain = tmp_path / "texts.txt"
    plain.write_text("三四五\n五六\t七\n", encoding="utf-8")
    assert [e.text for e in task.read(plain)] == ["三四五", "五六\t七"]
    table = tmp_path / "texts.jsonl"
    table.write_text('{"text": "三", "label": "顺"}\n{"title": "四"}\n', encoding="utf-8")
    for one in (task, told):
        with pytest.raises(DataError, match=r"texts.jsonl:2: The names \['title'\] are none of"):
            one.fit(table, **QUICK)
    assert told.read(table, skip_bad=True)[0].label == "顺"
    (tmp_path / "bytes.txt").write_bytes("三\n".encode() + "乱".encode("gb18030"))
    with pytest.raises(DataError, match=r"bytes.txt:2: .*not UTF-8 \(it is valid GB 18030\)"):
        task.fit(tmp_path / "bytes.txt", **QUICK)
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(DataError, match="empty.txt: The file holds no usable text"):
        task.evaluate(tmp_path / "empty.txt")
    for data, said in (([], "There are no examples"), (["三", " "], "Example 1: The text is ' '")):
        with pytest.raises(DataError, match=said):
            task.fit(data, **QUICK)
    assert task.read(["三", 4], skip_bad=True).skipped == [
        "Example 1: The text is 4; a str that is not empty is due."
    ]


def test_what_cannot_be_a_language_model():
    words = WORDS
    with pytest.raises(ConfigError, match="load it with mask='lm'"):
        playmask.LanguageModel.new(model(words, depth=1), tokenizer=words)
    with pytest.raises(ConfigError, match="the order 'lm', not 'unilm'"):
        playmask.LanguageModel.new(model(words, depth=1, mask="unilm"), tokenizer=words)
    with pytest.raises(ConfigError, match="Did you mean 'label'"):
        new_task(condition="labels")
    with pytest.raises(ConfigError, match="take distinct labels"):
        new_task(condition="code")
    with pytest.raises(ConfigError, match="condition_size=2"):
        new_task(condition="label", **LABELS)
    with pytest.raises(ConfigError, match=r"no token \[unused1\]"):
        new_task(condition="unused", **LABELS).generate(label="顺")
    with pytest.raises(InputError, match="A text or a list of texts"):
        new_task().predict(5)


def test_a_checkpoint_becomes_one(tmp_path):
    """An encoder's folder is loaded as a language model, with fresh weights for the condition."""
    playmask.save(model(WORDS, depth=1), tmp_path)
    WORDS.save(tmp_path)
    task = playmask.LanguageModel.new(tmp_path, max_length=16, condition="label", **LABELS)
    assert task.transformer.architecture.order == "lm"
    assert task.transformer.architecture.condition.size == 2
    assert task.evaluate([("三四", "顺")])["loss"] > 0
