"""Saving: what was loaded comes back bit for bit; every dialect says the same."""

import json
import shutil
from importlib import import_module
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import playmask
from comparing import assert_same, error, numpy_of, tiny
from playmask.checkpoints import bundle, safetensors
from playmask.errors import CheckpointError
from playmask.model.architecture import VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Dot
from playmask.model.transformer import weights_by_name

pytestmark = pytest.mark.backends

ORACLES = Path(__file__).parents[1] / "oracles"
GOOGLE = ORACLES / "bert4keras" / "bert_pool_nsp_mlm"
HUGGINGFACE = ORACLES / "transformers" / "bert_mlm"
BARE = ORACLES / "transformers" / "bert_tanh_gelu"
IDS = {"tokens": np.array([[5, 17, 60, 3]], "int32"), "segments": np.array([[0, 0, 1, 1]])}
ALL = ("pool", "nsp", "mlm")


@pytest.mark.parametrize(
    ("path", "heads", "dialect"),
    [(GOOGLE, ALL, "google"), (HUGGINGFACE, ALL, "huggingface"), (BARE, ("pool",), "huggingface")],
)
def test_a_round_trip_is_exact(path, heads, dialect, tmp_path):
    model = playmask.load(path, heads=heads)
    playmask.save(model, tmp_path, dialect)
    if dialect == "google":
        assert_same(bundle.read(tmp_path / "bert_model.ckpt"), bundle.read(path / "model.ckpt"))
        written, original = tmp_path / "bert_config.json", path / "config.json"
    else:
        assert_same(
            safetensors.read(tmp_path / "model.safetensors"),
            safetensors.read(path / "model.safetensors"),
        )
        written, original = tmp_path / "config.json", path / "config.json"
    assert json.loads(written.read_text()) == json.loads(original.read_text())


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_half_precision_comes_back_as_it_was(dtype, tmp_path):
    tensors = {
        name: value.astype(dtype)
        for name, value in safetensors.read(HUGGINGFACE / "model.safetensors").items()
    }
    (tmp_path / "in").mkdir()
    safetensors.write(tmp_path / "in" / "model.safetensors", tensors)
    shutil.copy(HUGGINGFACE / "config.json", tmp_path / "in")
    model = playmask.load(tmp_path / "in", heads=ALL)
    playmask.save(model, tmp_path / "out", "huggingface")
    read = [safetensors.read(tmp_path / place / "model.safetensors") for place in ("out", "in")]
    assert_same(*read)
    kernel = weights_by_name(model)["blocks/0/attention/query/kernel"]
    kernel.assign(np.asarray(kernel) + 1e-4)  # no longer exact in half precision
    playmask.save(model, tmp_path / "out", "huggingface")
    changed = safetensors.read(tmp_path / "out" / "model.safetensors")
    assert changed["bert.encoder.layer.0.attention.self.query.weight"].dtype == np.float32
    assert changed["bert.encoder.layer.0.attention.self.key.weight"].dtype == dtype


DIALECTS = ("google", "huggingface", "playmask")


@pytest.mark.parametrize("source", [GOOGLE, HUGGINGFACE])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_says_the_same(source, dialect, tmp_path):
    model = playmask.load(source, heads=ALL)
    playmask.save(model, tmp_path, dialect)
    again = playmask.load(tmp_path, heads=ALL)
    assert again.report.dialect == dialect and not again.report.fresh
    ours, theirs = weights_by_name(again), weights_by_name(model)
    assert all(np.array_equal(numpy_of(ours[n].value), numpy_of(theirs[n].value)) for n in theirs)
    for name in ("logits", "nsp", "pooled"):  # PyTorch sums a transposed kernel in another order
        assert error(again(IDS)[name], model(IDS)[name]) < 1e-6


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_model_that_was_never_loaded(dialect, tmp_path):
    model = tiny(heads=ALL, mask="lm" if dialect != "google" else "full")
    playmask.save(model, tmp_path, dialect)
    again = playmask.load(tmp_path, heads=ALL)
    assert error(again(IDS | {"tokens": IDS["tokens"] % 40})["logits"],
                 model(IDS | {"tokens": IDS["tokens"] % 40})["logits"]) == 0  # fmt: skip


def test_playmasks_own_directory(tmp_path):
    model = tiny(heads=("mlm",), mask="unilm", sharing="all")
    playmask.save(model, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "architecture.json",
        "checksums.json",
        "weights.safetensors",
    ]
    again = playmask.load(tmp_path)
    assert again.architecture == model.architecture and again.head_names == ("mlm",)
    assert error(again(IDS | {"tokens": IDS["tokens"] % 40})["logits"],
                 model(IDS | {"tokens": IDS["tokens"] % 40})["logits"]) == 0  # fmt: skip


def test_a_newer_format_is_refused(tmp_path):
    playmask.save(tiny(), tmp_path)
    file = tmp_path / "architecture.json"
    file.write_text(file.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(CheckpointError, match="format 9; this version reads format 1"):
        playmask.load(tmp_path)


def test_pruned_models_save_as_they_are(tmp_path):
    model = playmask.load(GOOGLE, heads=ALL, keep_tokens=list(range(50)))
    playmask.save(model, tmp_path, "google")
    assert json.loads((tmp_path / "bert_config.json").read_text())["vocab_size"] == 50
    assert playmask.load(tmp_path).architecture.vocabulary == 50


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_tokenizer_goes_along(dialect, tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气真好不", "##x", "x"]
    shutil.copytree(GOOGLE, tmp_path / "in")
    (tmp_path / "in" / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    model = playmask.load(tmp_path / "in")
    wanted = model.tokenizer.encode("今天 X").ids
    assert wanted == [2, 5, 6, 12, 3]
    playmask.save(model, tmp_path / "out", dialect)
    assert playmask.load(tmp_path / "out").tokenizer.encode("今天 X").ids == wanted
    assert (tmp_path / "out" / "vocab.txt").exists() == (dialect != "playmask")
    pruned = playmask.load(tmp_path / "in", keep_tokens=[0, 1, 2, 3, 4, 6, 5])
    assert pruned.tokenizer.encode("今天").ids == [2, 6, 5, 3]


def test_a_tokenizer_that_cannot_be_read_is_no_hindrance(tmp_path):
    shutil.copytree(GOOGLE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "vocab.txt").write_text("only\nwords\n")
    with pytest.warns(UserWarning, match=r"vocab.txt has 2 tokens but not \[PAD\]"):
        model = playmask.load(tmp_path)
    assert model.tokenizer is None
    assert "[CLS]" in {i.theirs: i.reason for i in model.report.ignored}["the tokenizer"]


CHOICES = {
    "position": {"position": None},
    "embedding_norm": {"embedding_norm": Norm(1e-3)},
    "sharing": {"sharing": "all"},
    "attention": {"attention": Dot(scale=False)},
}


@pytest.mark.parametrize("field", CHOICES)
@pytest.mark.parametrize("dialect", ["google", "huggingface"])
def test_what_a_configuration_cannot_express_is_refused(field, dialect, tmp_path):
    with pytest.raises(CheckpointError, match=f"cannot express this model's {field}"):
        playmask.save(tiny(**CHOICES[field]), tmp_path, dialect)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dialect", ["google", "huggingface"])
def test_epsilon_and_padding_survive(dialect, tmp_path):
    norm = Norm(1e-5)
    model = tiny(
        pad=None,
        embedding_norm=norm,
        attention_norm=Around(after=norm),
        feedforward_norm=Around(after=norm),
        vocabulary_head=VocabularyHead(norm=norm),
    )
    playmask.save(model, tmp_path, dialect)
    assert playmask.load(tmp_path).architecture == model.architecture


def test_two_dialects_do_not_share_a_directory(tmp_path):
    playmask.save(tiny(), tmp_path)
    with pytest.raises(CheckpointError, match="already holds .* 'playmask'"):
        playmask.save(tiny(), tmp_path, "google")
    playmask.save(tiny(seed=4), tmp_path)


def test_unknown_dialects_and_nameless_weights_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no dialect 'huggingfaces'. Did you mean 'hugg"):
        playmask.save(tiny(), tmp_path, "huggingfaces")
    with pytest.raises(CheckpointError, match="no name for discriminator"):
        playmask.save(tiny(heads=("discriminator",)), tmp_path, "google")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_save_leaves_the_old_one(tmp_path, monkeypatch):
    model = tiny()
    playmask.save(model, tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("playmask.checkpoints.save"), "describe", interrupt)
    monkeypatch.setattr("safetensors.numpy.save_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        playmask.save(tiny(seed=5), tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
