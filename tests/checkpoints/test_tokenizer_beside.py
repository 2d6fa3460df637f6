"""The tokenizer beside weights: it changes as their rows do, and what it cannot is said."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import playmask
from comparing import numpy_of
from playmask.errors import ConfigError
from playmask.model.transformer import weights_by_name

GOOGLE = Path(__file__).parents[1] / "oracles" / "bert4keras" / "bert_encoder"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气真好不", "##x", "x"]
ROWS = 80


@pytest.fixture
def place(tmp_path):
    shutil.copytree(GOOGLE, tmp_path, dirs_exist_ok=True)
    lines = [*WORDS, *(f"[unused{n}]" for n in range(ROWS - len(WORDS)))]
    (tmp_path / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def table(model):
    return numpy_of(weights_by_name(model)["embeddings/tokens/embeddings"].value)


def test_named_compounds_are_tokens_of_texts(place, tmp_path):
    compounds = {"[E1]": [5, 6], "天气": ([6, 7], [3.0, 1.0])}
    model = playmask.load(place, compound_tokens=compounds)
    assert len(model.tokenizer) == model.architecture.vocabulary == ROWS + 2
    assert model.tokenizer.encode("[E1]今天气天", special=False).ids == [80, 5, 81, 6]
    assert np.allclose(table(model)[81], 0.75 * table(model)[6] + 0.25 * table(model)[7], atol=1e-6)
    saved = playmask.load(playmask.save(model, tmp_path / "new", "huggingface"))
    assert saved.tokenizer.encode("[E1]天气").ids == [2, 80, 81, 3]
    pruned = playmask.load(place, keep_tokens=[0, 1, 2, 3, 6, 7], compound_tokens={"[E1]": [4]})
    assert pruned.tokenizer.encode("[E1]天").ids == [2, 6, 4, 3]


def test_compounds_without_names_are_the_texts_of_their_parts(place):
    model = playmask.load(place, compound_tokens=[[6, 7], np.array([12, 11])])
    assert model.tokenizer.encode("天气xx天", special=False).ids == [80, 81, 6]
    assert len(model.tokenizer) == ROWS + 2


def test_a_compound_without_a_text_of_its_own_is_said(place):
    with pytest.warns(UserWarning, match="1 compound tokens are reached by no text") as caught:
        model = playmask.load(place, compound_tokens=[[6], [6, 7]])
    assert caught[0].filename == __file__
    assert model.tokenizer.encode("天气", special=False).ids == [81]
    assert model.report.ignored[-1].theirs == "compound token 80"


@pytest.mark.parametrize(
    "compounds", [[5], "ab", [[]], [[0.5]], [([1, 2], [1.0])], [[1, [2]]], {"a": [999]}, [None]]
)
def test_what_is_no_compound_is_refused(place, compounds):
    with pytest.raises(ConfigError, match="compound_tokens must list ids from 0 to 79"):
        playmask.load(place, compound_tokens=compounds)


def test_kept_tokens_without_the_special_ones_are_warned_of(place):
    with pytest.warns(
        UserWarning, match=r"keep_tokens lacks \[PAD\] \(id 0\) and 3 more"
    ) as caught:
        model = playmask.load(place, keep_tokens=[5, 6])
    assert caught[0].filename == __file__ and model.tokenizer is None
    with pytest.raises(ConfigError, match=r"was left out: keep_tokens lacks \[PAD\]"):
        playmask.TextClassifier.new(model, ["a", "b"])
    with pytest.raises(ConfigError, match=r"was left out: keep_tokens lacks \[PAD\]"):
        playmask.draw_attention(model, "天气")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"model": {"type": "WordPiece"', r"tokenizer.json, line 1: not JSON"),
        ("[" * 100_000, "too many levels"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_a_damaged_tokenizer_is_not_called_absent(place, content, message):
    (place / "tokenizer.json").write_text(content)
    with pytest.warns(UserWarning, match=message) as caught:
        model = playmask.load(place)
    assert caught[0].filename == __file__
    with pytest.raises(ConfigError, match=message):
        playmask.TextClassifier.new(model, ["a", "b"])


def test_none_is_absent(place):
    (place / "vocab.txt").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = playmask.load(place, keep_tokens=[5, 6], compound_tokens=[[0, 1]])
    with pytest.raises(ConfigError, match=r"no tokenizer \(no tokenizer.json, vocab.txt"):
        playmask.TextClassifier.new(model, ["a", "b"])
