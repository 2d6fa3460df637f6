"""Loading: every weight accounted for, every misfit refused before anything is filled."""

import contextlib
import gc
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest

import playmask
from comparing import error, numpy_of
from playmask.checkpoints import bundle, hub, safetensors
from playmask.checkpoints.resize import resize
from playmask.errors import CheckpointError, ConfigError
from playmask.model.transformer import weights_by_name

pytestmark = pytest.mark.backends

ORACLES = Path(__file__).parents[1] / "oracles"
GOOGLE = ORACLES / "bert4keras" / "bert_pool_nsp_mlm"
HUGGINGFACE = ORACLES / "transformers" / "bert_mlm"
IDS = {"tokens": np.array([[5, 17, 60, 3]], "int32"), "segments": np.array([[0, 0, 1, 1]])}
ALL = ("pool", "nsp", "mlm")
LOADING = import_module("playmask.checkpoints.load")  # the module, not the function of its name


def reasons(report) -> dict[str, str]:
    return {item.theirs: item.reason for item in report.ignored}


def rewritten(tmp_path: Path, change) -> Path:
    """A copy of the Google checkpoint with its tensors changed by a function."""
    tensors = {name: np.array(value) for name, value in bundle.read(GOOGLE / "model.ckpt").items()}
    change(tensors)
    bundle.write(tmp_path / "model.ckpt", tensors)
    shutil.copy(GOOGLE / "config.json", tmp_path / "bert_config.json")
    return tmp_path


def test_report_of_a_plain_encoder():
    report = playmask.load(GOOGLE).report
    assert (report.family, report.dialect) == ("bert", "google")
    assert len(report.loaded) == 37 and not report.fresh
    assert set(reasons(report).values()) == {f"the head {h!r} was not asked for" for h in ALL}
    assert "37 weights loaded, 0 fresh" in str(report)


def test_a_prefix_a_data_file_and_a_directory_are_the_same():
    wanted = playmask.load(GOOGLE)(IDS)["hidden"]
    for path in (GOOGLE / "model.ckpt", GOOGLE / "model.ckpt.index"):
        assert error(playmask.load(path)(IDS)["hidden"], wanted) == 0


def test_heads_by_default():
    assert playmask.load(GOOGLE).head_names == ()
    for mask in ("lm", "unilm", "turns"):
        model = playmask.load(GOOGLE, mask=mask)
        assert model.head_names == ("mlm",) and model.architecture.order == mask
    assert playmask.load(GOOGLE, mask="lm", heads=[]).head_names == ()
    assert playmask.load(GOOGLE, heads="nsp").head_names == ("nsp",)


def test_a_head_the_checkpoint_lacks_is_fresh_and_said_so():
    report = playmask.load(ORACLES / "bert4keras" / "bert_encoder", heads=["mlm"]).report
    assert {item.ours for item in report.fresh} >= {"mlm/bias", "mlm/transform/kernel"}
    assert {item.reason for item in report.fresh} == {"the checkpoint has no head 'mlm'"}


def test_old_pytorch_names_and_tied_copies():
    model = playmask.load(ORACLES / "transformers" / "bert_mlm_bin", heads=ALL)
    assert error(model(IDS)["logits"], playmask.load(HUGGINGFACE, heads=ALL)(IDS)["logits"]) == 0
    assert reasons(model.report) == {
        "bert.embeddings.position_ids": "a constant",
        "cls.predictions.decoder.weight": "tied: a copy of the token embedding",
    }


def test_sharded_safetensors(tmp_path):
    tensors = dict(safetensors.read(HUGGINGFACE / "model.safetensors"))
    names, home = list(tensors), {}
    for i, part in enumerate((names[:20], names[20:])):
        file = f"model-{i + 1:05d}-of-00002.safetensors"
        safetensors.write(tmp_path / file, {name: tensors[name] for name in part})
        home |= dict.fromkeys(part, file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": home}))
    shutil.copy(HUGGINGFACE / "config.json", tmp_path)
    wanted = playmask.load(HUGGINGFACE, heads=ALL)(IDS)["logits"]
    assert error(playmask.load(tmp_path, heads=ALL)(IDS)["logits"], wanted) == 0
    (tmp_path / file).unlink()
    with pytest.raises(CheckpointError, match="model-00002-of-00002.safetensors"):
        playmask.load(tmp_path)


def test_optimizer_state_is_ignored_by_rule(tmp_path):
    def add(tensors):
        name = "bert/encoder/layer_0/output/dense/kernel"
        tensors[f"{name}/adam_m"] = tensors[f"{name}/adam_v"] = tensors[name]
        tensors["global_step"] = np.array(7, "int64")

    report = playmask.load(rewritten(tmp_path, add), heads=ALL).report
    assert sorted(reasons(report).values()) == ["optimizer's state"] * 2 + [
        "the training's step counter"
    ]


# What does not fit


def drop(name):
    return lambda tensors: tensors.pop(name)


def reshape(tensors):
    tensors["bert/pooler/dense/kernel"] = np.zeros((32, 30), "float32")


def add_layer(tensors):
    name = "bert/encoder/layer_{}/output/dense/bias"
    tensors[name.format(2)] = tensors[name.format(1)]


MISFITS = {
    "a missing weight": (
        drop("bert/encoder/layer_1/output/dense/kernel"),
        r"blocks/1/feedforward/outer/kernel \(64, 32\) is not in the checkpoint",
    ),
    "a wrong shape": (reshape, r"pooler/dense/kernel has the shape \(32, 30\).*needs \(32, 32\)"),
    "a layer too many": (add_layer, r"layer_2/output/dense/bias \(32,\) belongs to no weight"),
    "half a head": (
        drop("cls/predictions/output_bias"),
        r"mlm/bias \(80,\) is not in the checkpoint",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_misfit_is_refused_before_anything_is_filled(name, tmp_path, monkeypatch):
    change, message = MISFITS[name]
    path = rewritten(tmp_path, change)
    filled = []
    monkeypatch.setattr(LOADING, "fill_all", filled.append)
    with pytest.raises(CheckpointError, match=message):
        playmask.load(path, heads=ALL)
    assert not filled


def test_a_wrong_checksum_is_refused_before_anything_is_filled(tmp_path, monkeypatch):
    path = rewritten(tmp_path, lambda tensors: None)
    file = path / "model.ckpt.data-00000-of-00001"
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)
    filled = []
    monkeypatch.setattr(LOADING, "fill_all", filled.append)
    with pytest.raises(CheckpointError):
        playmask.load(path, heads=ALL)
    assert not filled


def test_foreign_tensors_say_what_was_found(tmp_path):
    safetensors.write(tmp_path / "model.safetensors", {"conv1.weight": np.zeros((2, 2), "float32")})
    (tmp_path / "config.json").write_text('{"model_type": "resnet"}')
    with pytest.raises(CheckpointError, match="conv1.weight.*'resnet'.*none of the families.*bert"):
        playmask.load(tmp_path)
    with pytest.raises(CheckpointError, match="It is no 'bert'"):
        playmask.load(tmp_path, family="bert")


def test_a_declared_type_that_is_none_of_ours_needs_a_word(tmp_path):
    shutil.copytree(HUGGINGFACE, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "my-bert"}))
    with pytest.raises(CheckpointError, match="'my-bert'.*pass family='bert'"):
        playmask.load(tmp_path)
    playmask.load(tmp_path, family="bert")


def with_config(tmp_path: Path, **changes) -> Path:
    shutil.copytree(GOOGLE, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text()) | changes
    kept = {name: value for name, value in config.items() if value is not None}
    (tmp_path / "config.json").write_text(json.dumps(kept))
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_sise": 3}, "'hidden_sise'.*Did you mean 'hidden_size'"),
        ({"hidden_size": None}, "lacks 'hidden_size'"),
        ({"hidden_act": "gelo"}, "'gelo'.*Did you mean 'gelu'"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
    ],
)
def test_configurations_are_read_strictly(changes, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        playmask.load(with_config(tmp_path, **changes))


def test_a_harmless_unknown_key_can_be_ignored(tmp_path):
    path = with_config(tmp_path, number_of_tags=5)
    with pytest.raises(ConfigError, match=r"ignore=\['number_of_tags'\]"):
        playmask.load(path)
    playmask.load(path, ignore=["number_of_tags"])


def test_paths_that_lead_nowhere(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        playmask.load(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="holds no checkpoint.*notes.txt"):
        (tmp_path / "notes.txt").write_text("x")
        playmask.load(tmp_path)
    for name in ("a.ckpt", "b.ckpt"):
        bundle.write(tmp_path / name, {"x": np.zeros(1, "float32")})
    with pytest.raises(CheckpointError, match="2 TensorFlow checkpoints; name one"):
        playmask.load(tmp_path)
    with pytest.raises(CheckpointError, match="no configuration"):
        playmask.load(tmp_path / "a.ckpt")


def test_the_hub_is_asked_for_its_names_only(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(hub, "download", lambda name: asked.append(name) or HUGGINGFACE)
    monkeypatch.chdir(tmp_path)
    assert playmask.load("org/name").report.family == "bert" and asked == ["org/name"]
    for local in (HUGGINGFACE, "./org/name", str(tmp_path / "x"), "org/name/model.ckpt", "name"):
        with contextlib.suppress(CheckpointError):
            playmask.load(local)
    (tmp_path / "org").mkdir()
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        playmask.load("org/name")  # a typing error in a local folder
    assert asked == ["org/name"]


def test_a_hub_that_does_not_answer_is_one_sentence(monkeypatch):
    import huggingface_hub

    def fail(*args, **options):
        raise OSError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(CheckpointError, match="'org/name' is no local path.*no route"):
        playmask.load("org/name")


def test_one_kind_of_weights_is_fetched(tmp_path, monkeypatch):
    import huggingface_hub

    asked = []

    def fetch(name, allow_patterns):
        asked.append(allow_patterns[3:])
        if "*.bin" in allow_patterns:
            (tmp_path / "pytorch_model.bin").write_bytes(b"")
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert hub.download("org/name") == tmp_path
    assert asked == [["*.safetensors"], ["*.bin"]]


# Changes on the way in


def test_changed_fields_and_unknown_ones():
    model = playmask.load(GOOGLE, depth=1, dropout=0.3)
    assert model.architecture.depth == 1
    assert "not in the changed architecture" in reasons(model.report).values()
    with pytest.raises(ConfigError, match="no field 'droput'. Did you mean 'dropout'"):
        playmask.load(GOOGLE, droput=0.3)


def test_new_weights_are_fresh_and_said_so():
    with pytest.warns(UserWarning, match="8 weights start fresh.*another shape"):
        report = playmask.load(GOOGLE, depth=3, key_size=5).report
    fresh = {item.ours: item.reason for item in report.fresh}
    assert fresh["blocks/2/feedforward/inner/kernel"].startswith("new")
    assert fresh["blocks/0/attention/query/kernel"].startswith("(32, 32) in the checkpoint")
    assert "blocks/0/attention/value/kernel" not in fresh


def test_kept_tokens_take_rows_and_bias_along():
    keep = [0, 7, 5, 60]
    whole, kept = (playmask.load(GOOGLE, heads=ALL, keep_tokens=k) for k in (None, keep))
    ids = {"tokens": np.array([[2, 1, 3]], "int32")}
    old = {"tokens": np.array([[5, 7, 60]], "int32")}
    assert error(kept(ids)["logits"], numpy_of(whole(old)["logits"])[..., keep]) < 1e-6
    assert kept.architecture.vocabulary == 4 and kept.architecture.pad == 0
    assert playmask.load(GOOGLE, keep_tokens=[9, 0]).architecture.pad == 1
    assert playmask.load(GOOGLE, keep_tokens=[9]).architecture.pad is None
    with pytest.raises(ConfigError, match="compound_tokens must list ids from 0 to 79"):
        playmask.load(GOOGLE, compound_tokens=[[999]])
    for wrong in ([80], [-1], []):
        with pytest.raises(ConfigError, match="keep_tokens"):
            playmask.load(GOOGLE, keep_tokens=wrong)


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16", "float16"])
def test_another_dtype(dtype):
    exact, other = (playmask.load(GOOGLE, heads=ALL, dtype=d)(IDS) for d in (None, dtype))
    assert 1e-6 < error(other["logits"], exact["logits"]) < 0.1
    model = playmask.load(GOOGLE, dtype=dtype)
    kept = {str(v.dtype) for v in weights_by_name(model).values()}
    assert kept == {"float32" if dtype.startswith("mixed") else dtype}


def test_fewer_positions_are_the_first_ones():
    cut = playmask.load(GOOGLE, position=playmask.Learned(10))
    assert not cut.report.fresh
    assert error(cut(IDS)["hidden"], playmask.load(GOOGLE)(IDS)["hidden"]) < 1e-6


def test_compound_tokens_are_means():
    model = playmask.load(
        GOOGLE, heads=ALL, keep_tokens=[0, 7, 5], compound_tokens=[[1, 2], ([1, 2], [3.0, 1.0])]
    )
    weights = weights_by_name(model)
    for name in ("embeddings/tokens/embeddings", "mlm/bias"):
        table = numpy_of(weights[name].value)
        assert np.allclose(table[3], (table[1] + table[2]) / 2, atol=1e-7)
        assert np.allclose(table[4], 0.75 * table[1] + 0.25 * table[2], atol=1e-7)


def test_resized_sizes():
    grown = playmask.load(GOOGLE, key_size=16, resize=True)
    notes = {item.ours: item.note for item in grown.report.loaded}
    assert notes["blocks/0/attention/query/kernel"] == "resized from (32, 32)"
    assert numpy_of(weights_by_name(grown)["blocks/0/attention/key/bias"].value).shape == (64,)
    numbers = np.arange(12.0).reshape(4, 3)
    cut = resize(numbers, (2, 3))
    assert cut.shape == (2, 3) and np.isclose(np.linalg.norm(cut), np.linalg.norm(numbers))
    grown = resize(np.arange(4.0)[:, None], (8, 1))  # repeated in pairs, at the old norm
    assert np.allclose(grown[:, 0] * 2**0.5, [0, 1, 0, 1, 2, 3, 2, 3])


def test_a_dtype_is_of_floats():
    for dtype in ("int32", "fp16"):
        with pytest.raises(ConfigError, match=f"no dtype '{dtype}'"):
            playmask.load(GOOGLE, dtype=dtype)


def test_old_names_say_what_to_write():
    with pytest.raises(ConfigError, match="no field 'with_mlm'. Here it is heads="):
        playmask.load(GOOGLE, with_mlm=True)


def test_architecture_and_build():
    read = playmask.architecture(GOOGLE)
    assert (read.vocabulary, read.width, read.depth) == (80, 32, 2)
    base = playmask.architecture("bert").change(depth=1, width=24, attention_heads=2, inner=8)
    with pytest.raises(ConfigError, match="give one of them, not both"):
        base.change(mask="lm", order="unilm")
    model = playmask.build(base.change(vocabulary=30, mask="lm"))
    assert model({"tokens": np.array([[1, 2]])})["logits"].shape == (1, 2, 30)
    assert model.report is None


def test_nothing_is_drawn_that_is_overwritten(monkeypatch):
    def refuse(self, shape, dtype=None):
        raise AssertionError("a weight was drawn at random")

    monkeypatch.setattr(keras.initializers.TruncatedNormal, "__call__", refuse)
    playmask.load(GOOGLE, heads=ALL)


def test_python_looks_for_garbage_again_after_a_load_and_after_a_failed_one(tmp_path):
    playmask.load(GOOGLE)
    assert gc.isenabled()
    with pytest.raises(CheckpointError):
        playmask.load(tmp_path)
    assert gc.isenabled()


ON_THE_SECOND = """
import sys, playmask, keras
with keras.device("cpu:1"):
    model = playmask.load(sys.argv[1])
(device,) = {device.id for weight in model.weights for device in weight.value.devices()}
print(device)
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX makes two devices of one")
def test_threads_put_weights_on_the_device_that_was_asked_for():
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-c", ON_THE_SECOND, str(HUGGINGFACE)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout == "1\n", done.stderr


def test_keras_works_as_ever_after_a_load():
    model = playmask.load(GOOGLE, heads=["pool"])
    with keras.StatelessScope():
        keras.layers.Dense(2).build((None, 3))
    pooled = keras.Input((4,), dtype="int32")
    top = keras.layers.Dense(2)(model({"tokens": pooled})["pooled"])
    whole = keras.Model(pooled, top)
    whole.compile("adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = numpy_of(weights_by_name(model)["blocks/0/attention/query/kernel"].value).copy()
    whole.fit(IDS["tokens"].repeat(4, 0), np.array([0, 1, 0, 1]), epochs=1, verbose=0)
    after = numpy_of(weights_by_name(model)["blocks/0/attention/query/kernel"].value)
    assert np.abs(after - before).max() > 0
    stored = bundle.read(GOOGLE / "model.ckpt")["bert/encoder/layer_0/attention/self/query/kernel"]
    assert np.array_equal(stored, before)  # the file's own mapping did not move with training


# A file that changes under a loaded model


OVER = """
import sys, numpy as np, playmask
from pathlib import Path
file = Path(sys.argv[1]) / "weights.safetensors"
model = playmask.load(sys.argv[1], copy=sys.argv[2] == "copy")
ids = {"tokens": np.array([[5, 17, 60, 3]], "int32")}
with file.open("r+b") as other:  # as another program that writes in place
    other.seek(file.stat().st_size // 2)
    other.write(bytes(file.stat().st_size // 2))
    if sys.argv[3] == "cut":
        other.truncate(100)
before = playmask.load(sys.argv[4])(ids)["hidden"]
print(bool(np.abs(np.asarray(model(ids)["hidden"]) - np.asarray(before)).max() == 0))
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the others copy always")
@pytest.mark.parametrize("harm", ["write", "cut"])
def test_a_copy_does_not_change_with_its_file(harm, tmp_path):
    sizes = {"vocabulary": 80, "width": 64, "depth": 1, "attention_heads": 2, "inner": 64}
    model = playmask.build(playmask.architecture("bert").change(**sizes))
    paths = [str(playmask.save(model, tmp_path / name)) for name in ("x", "y")]
    command = [sys.executable, "-c", OVER, paths[0], "copy", harm, paths[1]]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("case", ["bert4keras/bert_pool_nsp_mlm", "transformers/albert_mlm"])
def test_some_blocks_are_loaded(case, request):
    """As if the others were left out of what is loaded whole; of shared ones too."""
    path = request.config.rootpath / "tests/oracles" / case
    inputs = {"tokens": np.arange(1, 9)[None]}
    whole, some = playmask.load(path, heads=[]), playmask.load(path, heads=[], blocks=[1])
    copy = playmask.keep_blocks(whole, [1])
    assert some.architecture == copy.architecture and some.architecture.depth == 1
    outputs = [numpy_of(model(inputs)["hidden"]) for model in (some, copy, whole)]
    assert np.array_equal(*outputs[:2]) and not np.array_equal(*outputs[1:])
    left = {item.reason for item in some.report.ignored if "layer_0" in item.theirs}
    assert left <= {"not in the changed architecture"} and not some.report.fresh
    with pytest.raises(ConfigError, match="numbers from 0 to 1 in rising order"):
        playmask.load(path, blocks=[2])
