"""Encoders as sentence-transformers publishes them: its vectors, and folders that it reads."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from keras import ops

import playmask
from comparing import assert_same, error, numpy_of
from playmask.checkpoints import safetensors, torch_zip
from playmask.errors import CheckpointError, ConfigError, InputError
from playmask.tasks.classification.pooling import pooling_of
from playmask.tasks.similarity.vector_steps import (
    Projection,
    UnitLength,
    VectorDropout,
    VectorNorm,
)

ORACLES = Path(__file__).parents[1] / "oracles" / "sentence_transformers"
CASES = ["cls_normalize", "mean", "mean_max_dense", "xlmr_last", "xlmr_mean_normalize"]
OWN = [UnitLength(), VectorDropout(0.5), Projection(24, residual=True), VectorNorm()]


def oracle(case: str) -> tuple[list[str], np.ndarray]:
    """The texts of a case, and their vectors."""
    texts = json.loads((ORACLES / case / "case.json").read_text("utf-8"))["texts"]
    return texts, np.load(ORACLES / case / "case.npz")["vectors"]


def copy_of(case: str, folder: Path, **files: object) -> Path:
    """A case's folder, some JSON files of which are changed in some keys; modules.json as a whole.

    In names of files "__" stands for "/", and their ending .json is left out.
    """
    shutil.copytree(ORACLES / case, folder, dirs_exist_ok=True)
    for name, value in files.items():
        file = folder / f"{name.replace('__', '/')}.json"
        if isinstance(value, dict) and name != "modules":
            value = (json.loads(file.read_text("utf-8")) if file.is_file() else {}) | value
        file.write_text(json.dumps(value), "utf-8")
    return folder


@pytest.mark.backends
@pytest.mark.parametrize("case", CASES)
def test_vectors_are_those_of_sentence_transformers(case, tmp_path):
    """Read, run, written back and read again; an empty text and one that is too long among them."""
    texts, vectors = oracle(case)
    task = playmask.load_task(ORACLES / case)
    assert error(task.encode(texts), vectors) < 1e-5
    assert "" in texts and len(texts[-1]) > task.settings.max_length
    folder = task.save(tmp_path / "out", dialect="sentence-transformers")
    again = playmask.load_task(folder)
    assert np.array_equal(again.encode(texts), task.encode(texts))
    assert again.settings == task.settings
    for file in sorted((ORACLES / case).rglob("*.safetensors")):
        written = safetensors.read(folder / file.relative_to(ORACLES / case))
        assert_same(written, safetensors.read(file))
    assert json.loads((folder / "config.json").read_text("utf-8")) == json.loads(
        (ORACLES / case / "config.json").read_text("utf-8")
    )
    assert np.array_equal(playmask.load_task(task.save(tmp_path)).encode(texts), task.encode(texts))


@pytest.mark.parametrize(
    ("case", "files"),
    [
        ("cls_normalize", {"1_Pooling__config": {"pooling_mode": "mean"}}),
        ("mean", {"1_Pooling__config": {"pooling_mode": "mean_sqrt_len_tokens"}}),
        ("mean_max_dense", {"1_Pooling__config": {"pooling_mode": ["mean", "max"]}}),
        ("xlmr_last", {"1_Pooling__config": {"pooling_mode": "weightedmean"}}),
        ("mean", {"sentence_bert_config": {"max_seq_length": 20}}),
        (
            "mean_max_dense",
            {"2_Dense__config": {"activation_function": "torch.nn.modules.linear.Identity"}},
        ),
        (
            "mean",
            {"config_sentence_transformers": {"prompts": {"q": "天"}, "default_prompt_name": "q"}},
        ),
    ],
)
def test_near_misses_differ(case, files, tmp_path):
    texts, vectors = oracle(case)
    task = playmask.load_task(copy_of(case, tmp_path, **files))
    assert error(task.encode(texts), vectors) > 1e-3


@pytest.mark.backends
def test_poolings_are_those_of_numpy():
    random = np.random.default_rng(0)
    hidden = random.normal(size=(2, 5, 3)).astype("float32")
    valid = np.array([[True] * 5, [True] * 3 + [False] * 2])
    model = playmask.build(playmask.architecture("bert").change(vocabulary=9, depth=1))
    places = np.arange(1, 6)
    rows = [row[there].astype("float64") for row, there in zip(hidden, valid, strict=True)]
    right = {
        "max": [row.max(0) for row in rows],
        "mean_sqrt_length": [row.sum(0) / np.sqrt(len(row)) for row in rows],
        "weighted_mean": [np.average(row, 0, places[: len(row)]) for row in rows],
        "last+mean": [np.concatenate([row[-1], row.mean(0)]) for row in rows],
        "mean_max": [np.concatenate([row.mean(0), row.max(0)]) for row in rows],
    }
    outputs = {"hidden": ops.convert_to_tensor(hidden)}
    there = ops.convert_to_tensor(valid[..., None])
    for name, vectors in right.items():
        pooling = pooling_of(name, model)
        assert error(pooling.pool(outputs, there), vectors) < 1e-6, name
        assert pooling.widths == np.shape(vectors)[1] // 3


def test_older_folders_are_read(tmp_path):
    """0_Transformer, flags for the pooling, pytorch_model.bin, and the length beside the model."""
    texts, vectors = oracle("mean_max_dense")
    folder = copy_of("mean_max_dense", tmp_path / "old")
    (folder / "0_Transformer").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).rename(folder / "0_Transformer" / name)
    for name in ("sentence_bert_config.json", "tokenizer_config.json"):
        (folder / name).unlink()
    options = {"max_seq_length": 24, "do_lower_case": False}
    flags = {f"pooling_mode_{name}_tokens": True for name in ("mean", "max")}
    flags |= {"pooling_mode_cls_token": False, "word_embedding_dimension": 32}
    modules = [("Transformer", "0_Transformer"), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")]
    listing = [
        {"idx": n, "path": path, "type": f"sentence_transformers.models.{name}"}
        for n, (name, path) in enumerate([*modules, ("Normalize", "3_Normalize")])
    ]
    for name, content in {
        "0_Transformer/sentence_bert_config": options,
        "1_Pooling/config": flags,
        "modules": listing[::-1],
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    tensors = safetensors.read(folder / "2_Dense" / "model.safetensors")
    torch_zip.write(folder / "2_Dense" / "pytorch_model.bin", dict(tensors))
    (folder / "2_Dense" / "model.safetensors").unlink()
    (folder / "config_sentence_transformers.json").unlink()
    task = playmask.load_task(folder)
    assert error(task.encode(texts), vectors) < 1e-5
    (folder / "0_Transformer" / "sentence_bert_config.json").unlink()
    task = playmask.load_task(folder)
    assert task.settings.max_length == 64
    assert "since no file says to how many" in str(task.transformer.report)


def test_lower_case_is_put_before_the_tokenizer(tmp_path):
    folder = copy_of(
        "xlmr_mean_normalize",
        tmp_path / "in",
        sentence_bert_config={"do_lower_case": True, "max_seq_length": 40},
    )
    task = playmask.load_task(folder)
    texts = ["The CAT sat", "the cat sat"]
    assert np.array_equal(*task.encode(texts))
    assert not np.array_equal(*playmask.load_task(ORACLES / "xlmr_mean_normalize").encode(texts))
    again = playmask.load_task(task.save(tmp_path / "out", "sentence-transformers"))
    assert np.array_equal(again.encode(texts), task.encode(texts))
    bert = copy_of("mean", tmp_path / "b", sentence_bert_config={"do_lower_case": True})
    texts, vectors = oracle("mean")
    assert error(playmask.load_task(bert).encode(texts), vectors) < 1e-5


def test_prompts_by_name(tmp_path):
    prompts = {"query": "今天：", "passage": "", "none": None}
    folder = copy_of("cls_normalize", tmp_path, config_sentence_transformers={"prompts": prompts})
    task = playmask.load_task(folder)
    texts = ["花呗怎么还款？", "如何偿还花呗的账单"]
    plain = task.encode(texts)
    assert np.array_equal(task.encode(texts, prompt="passage"), plain)
    assert np.array_equal(task.encode(texts, prompt="none"), plain)
    behind = task.encode(["今天：" + text for text in texts])
    assert np.array_equal(task.encode(texts, prompt="query"), behind)
    assert not np.allclose(behind, plain, atol=1e-2)
    task.settings = task.settings.change(prompt="query")
    assert np.array_equal(task.encode(texts), behind)
    assert np.array_equal(task.encode(texts, prompt=""), plain)
    learnt = task.batches(task.read([texts, texts[::-1]]), 2)[0][0]["tokens"]
    assert learnt[0, :8].tolist() == task.row(texts[0])["tokens"][:8]
    assert task.tokenizer.encode("今天").ids[:3] == learnt[0, :3].tolist()
    with pytest.raises(ConfigError, match="There is no prompt 'qery'. Did you mean 'query'"):
        task.encode(texts, prompt="qery")
    with pytest.raises(ConfigError, match="no prompt 'other'"):
        task.settings.change(prompt="other")
    task.settings = task.settings.change(prompts={"query": "查："})
    assert np.array_equal(task.encode(texts), task.encode(["查：" + t for t in texts], prompt=""))


def test_an_index_keeps_the_prompt_of_its_sentences(tmp_path):
    pytest.importorskip("usearch")
    prompts = {"query": "今天：", "passage": "天气："}
    folder = copy_of("mean", tmp_path / "in", config_sentence_transformers={"prompts": prompts})
    task = playmask.load_task(folder)
    sentences = oracle("mean")[0][:6]
    index = task.index(sentences, prompt="passage")
    again = playmask.SentenceIndex.load(index.save(tmp_path / "index"), task)
    (match,) = again.search(sentences[1], 1, prompt="query", exact=True)
    one = task.encode([sentences[1]], prompt="query")[0]
    vectors = task.encode(sentences, prompt="passage")  # not of the length 1
    cosines = vectors @ one / np.linalg.norm(vectors, axis=1) / np.linalg.norm(one)
    assert match.score == pytest.approx(cosines.max(), abs=1e-5)
    assert match.sentence == sentences[cosines.argmax()]


@pytest.mark.parametrize("comparison", ["cosine", "dot", "euclidean", "manhattan"])
def test_vectors_are_compared_as_the_folder_says(comparison, tmp_path):
    options = {"similarity_fn_name": comparison}
    task = playmask.load_task(copy_of("mean", tmp_path, config_sentence_transformers=options))
    texts = oracle("mean")[0]
    a, b = task.encode(texts[:2]).astype("float64")
    right = {
        "cosine": a @ b / np.linalg.norm(a) / np.linalg.norm(b),
        "dot": a @ b,
        "euclidean": -np.linalg.norm(a - b),
        "manhattan": -np.abs(a - b).sum(),
    }
    assert task.similarity([(texts[0], texts[1])])[0] == pytest.approx(right[comparison], rel=1e-5)
    if comparison != "cosine":
        with pytest.raises(ConfigError, match=f"compares by cosines, this encoder by {comparison}"):
            task.index(texts[:2])


def test_a_pad_id_that_the_tokenizer_has_otherwise(tmp_path):
    """As e5's: the model's configuration pads with 0, which is <s>, the tokenizer with 1."""
    texts, _ = oracle("xlmr_last")
    folder = copy_of("mean", tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(ORACLES / "xlmr_last" / name, folder / name)
    task = playmask.load_task(folder)
    assert (task.transformer.architecture.pad, task.tokenizer.pad, task.tokenizer.cls) == (0, 1, 0)
    texts = texts[1:3]
    for text, vector in zip(texts, task.encode(texts), strict=True):
        ids = np.array([task.row(text)["tokens"]])
        hidden = numpy_of(
            task.transformer({"tokens": ids, "valid": np.ones_like(ids, bool)})["hidden"]
        )
        assert np.abs(hidden[0].mean(0) - vector).max() < 1e-5


def test_training_goes_on_from_a_published_encoder(tmp_path):
    texts, _ = oracle("mean_max_dense")
    task = playmask.load_task(ORACLES / "mean_max_dense")
    pairs = [
        ("花呗怎么还款", "如何偿还花呗"),
        ("今天天气好", "适合散步"),
        ("房间干净", "服务热情"),
        ("cat", "mat"),
    ]
    before = task.encode(texts)
    assert task.batches(task.read(pairs), 4)[0][0]["tokens"].shape == (8, 16)
    history = task.fit(pairs * 4, epochs=3, batch_size=4, learning_rate=3e-3, verbose=0)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert not np.allclose(task.encode(texts), before, atol=1e-2)
    again = playmask.load_task(task.save(tmp_path, dialect="sentence-transformers"))
    assert np.array_equal(again.encode(texts), task.encode(texts))


def test_a_training_that_leaves_pooling_and_steps_behind_says_so():
    with pytest.warns(UserWarning, match=r"only the Transformer is taken here; playmask.load_task"):
        playmask.SentenceEncoder.open(ORACLES / "mean")


def test_own_steps_are_written_and_read(tmp_path):
    model = playmask.load(ORACLES / "mean")
    options = {"pooling": "first+mean_max", "language_model": 0, "max_length": 16, "steps": OWN}
    task = playmask.SentenceEncoder.new(model, **options, prompts={"a": "b"}, prompt="a")
    texts = oracle("mean")[0][:5]
    vectors = task.encode(texts)
    assert vectors.shape == (5, 24)
    assert np.allclose(vectors.mean(1), 0, atol=1e-5) and np.allclose(vectors.std(1), 1, atol=1e-3)
    with pytest.raises(InputError, match="Text 0 is empty"):
        task.encode([""])
    for folder in (
        task.save(tmp_path / "own"),
        task.save(tmp_path / "st", "sentence-transformers"),
    ):
        again = playmask.load_task(folder)
        assert np.array_equal(again.encode(texts), vectors)
        assert again.settings.steps == tuple(OWN) and again.settings.prompt == "a"


TANH = "torch.nn.modules.activation.Tahn"
CLIP = "sentence_transformers.models.CLIPModel"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"modules": [{"path": "", "type": CLIP}]}, "CLIPModel"),
        ({"modules": [{"path": "", "type": "custom_st.Transformer"}]}, "module 'custom_st.Trans"),
        ({"modules": {"path": ""}}, "no list of modules"),
        ({"modules": [{"path": 3, "type": "a"}]}, "no list of modules"),
        ({"modules": []}, "lists nothing; playmask reads a Transformer, then a Pooling"),
        (
            {"modules": [{"path": "", "type": "sentence_transformers.models.Transformer"}]},
            "lists Transformer; playmask reads a Transformer, then a Pooling",
        ),
        (
            {"modules": [{"path": "../x", "type": "sentence_transformers.models.Transformer"},
                         {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]},
            "'../x', which is not inside",
        ),
        ({"1_Pooling__config": {"pooling_mode": "meen"}}, "pooling 'meen'. Did you mean 'mean'"),
        ({"1_Pooling__config": {"pooling_mod": "mean"}}, "Did you mean 'pooling_mode'"),
        ({"1_Pooling__config": {"include_prompt": False}}, "leaves prompts out of the pooling"),
        ({"2_Dense__config": {"activation_function": TANH}}, "Did you mean .*Tanh"),
        ({"2_Dense__config": {"module_input_name": "token_embeddings"}}, "changes 'token_emb"),
        ({"2_Dense__config": {"scale": 2}}, "has the key 'scale'"),
        ({"2_Dense__config": {"bias": 1}}, "it sets bias to 1"),
        ({"2_Dense__config": {"bias": False}}, "has the tensors .*linear.bias.*, not its module's"),
        ({"2_Dense__config": {"out_features": 30}}, r"shape \(.*20.*\), the module needs \(.*30"),
        ({"1_Pooling__config": {"pooling_mode": "cls"}}, r"the module needs \(32, 20\)"),
        ({"sentence_bert_config": {"transformer_task": "fill-mask"}}, "is 'fill-mask', which"),
        ({"sentence_bert_config": {"max_seq": 5}}, "'max_seq'.*Did you mean 'max_seq_length'"),
        ({"sentence_bert_config": {"max_seq_length": "5"}}, "max_seq_length is '5'"),
        ({"config_sentence_transformers": {"prompts": ["a"]}}, "prompts are"),
        ({"config_sentence_transformers": {"default_prompt_name": "x"}}, "no prompt 'x'"),
        ({"config_sentence_transformers": {"model_type": "SparseEncoder"}}, "'SparseEncoder'"),
        ({"config_sentence_transformers": {"similarity_fn_name": "maxsim"}}, "'maxsim'"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_one_sentence(files, message, tmp_path):
    folder = copy_of("mean_max_dense", tmp_path, **files)
    with pytest.raises(CheckpointError, match=message) as caught:
        playmask.load_task(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_what_cannot_be_written_is_refused(tmp_path):
    model = playmask.load(ORACLES / "mean", heads="pool")
    options = {"language_model": 0, "max_length": 16}
    task = playmask.SentenceEncoder.new(model, pooling="pooled", **options)
    with pytest.raises(CheckpointError, match="no pooling 'pooled'"):
        task.save(tmp_path / "a", "sentence-transformers")
    assert not (tmp_path / "a").exists()
    with pytest.raises(CheckpointError, match="Did you mean 'sentence-transformers'"):
        task.save(tmp_path, "sentence_transformer")
    task.save(tmp_path / "b")
    mean = playmask.SentenceEncoder.new(model, pooling="mean", **options)
    with pytest.raises(CheckpointError, match="already holds a task"):
        mean.save(tmp_path / "b", "sentence-transformers")
    gelu = [Projection(8, "gelu_tanh")]
    task = playmask.SentenceEncoder.new(model, pooling="mean", steps=gelu, **options)
    with pytest.raises(CheckpointError, match="no activation 'gelu_tanh'"):
        task.save(tmp_path / "c", "sentence-transformers")
    with pytest.raises(ConfigError, match="steps hold 'x'"):
        playmask.SentenceEncoder.new(model, steps=["x"], **options)
