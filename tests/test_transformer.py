"""The forward pass: who sees whom, with and without a cache, against plain numpy."""

import os
import subprocess
import sys
from itertools import pairwise

import h5py
import keras
import numpy as np
import pytest

from comparing import TINY, error, numpy_of, tiny, tokens
from playmask.errors import CheckpointError, ConfigError, InputError
from playmask.model.architecture import Architecture
from playmask.model.masks import Ordered, SameText, Strict, Window
from playmask.model.parts import Dot, Learned, Mixer, Part
from playmask.model.recipes import recipe
from playmask.model.transformer import Transformer, weights_by_name

pytestmark = pytest.mark.backends

SEGMENTS = np.array([[0, 0, 0, 1, 1, 0, 1, 1]], "int32")
RANKS = np.array([[3, 0, 6, 1, 7, 2, 5, 4]], "int32")
MASKS = {
    "full": ("full", Ordered()),
    "lm": ("lm", Ordered()),
    "unilm": ("unilm", Ordered()),
    "turns": ("turns", Ordered()),
    "permutation": ("permutation", Ordered()),
    "strict": ("lm", Strict()),
    "window": ("lm", Ordered() & Window(3)),
    "packed": ("lm", Ordered() & SameText()),
}
TEXTS = np.array([[0, 0, 0, 1, 1, 1, 2, 2]], "int32")


def inputs_for(name: str, ids: np.ndarray) -> dict:
    rows = len(ids)
    inputs = {"tokens": ids, "segments": SEGMENTS.repeat(rows, 0), "texts": TEXTS.repeat(rows, 0)}
    return inputs | ({"order": RANKS.repeat(rows, 0)} if name == "permutation" else {})


def grid_of(name: str) -> np.ndarray:
    order, mask = MASKS[name]
    return mask.grid(order, segments=SEGMENTS[0], texts=TEXTS[0]) if name != "permutation" else (
        RANKS[0][None] <= RANKS[0][:, None]
    )  # fmt: skip


def moved_by_each_key(model: Transformer, name: str) -> np.ndarray:
    """Change one token at a time: (query, key) -> whether the query's hidden state moved."""
    ids = tokens(1, 8)
    before = numpy_of(model(inputs_for(name, ids))["hidden"])[0]
    moved = []
    for key in range(8):
        changed = ids.copy()
        changed[0, key] = ids[0, key] % 39 + 1
        after = numpy_of(model(inputs_for(name, changed))["hidden"])[0]
        moved.append(np.abs(after - before).max(axis=-1) > 1e-6)
    return np.array(moved).T


@pytest.mark.parametrize("name", MASKS)
def test_nothing_leaks(name):
    """One block: a query moves with exactly the keys its mask shows, and with itself."""
    order, mask = MASKS[name]
    moved = moved_by_each_key(tiny(depth=1, order=order, mask=mask), name)
    assert (moved == (grid_of(name) | np.eye(8, dtype=bool))).all()


@pytest.mark.parametrize("name", MASKS)
def test_the_leak_test_sees_a_wrong_mask(name):
    wrong = "lm" if name != "lm" else "unilm"
    order, mask = MASKS[name]
    moved = moved_by_each_key(tiny(depth=1, order=order, mask=mask), name)
    if name == "strict":  # differs from "lm" only in what a query sees of itself
        assert not (grid_of("strict") == grid_of("lm")).all()
    else:
        assert not (moved == (grid_of(wrong) | np.eye(8, dtype=bool))).all()


def test_padding_is_not_seen_but_the_first_place_is():
    model = tiny()
    ids = tokens(2, 6)
    short = numpy_of(model({"tokens": ids[:, :4]})["hidden"])
    padded = ids.copy()
    padded[:, 4:] = 0
    assert error(model({"tokens": padded})["hidden"][:, :4], short) < 1e-6
    assert error(model({"tokens": ids})["hidden"][:, :4], short) > 1e-2
    ids[:, 0] = 0  # T5's decoder starts with the pad id
    moved = ids.copy()
    moved[:, 0] = 7
    before, after = (model({"tokens": x})["hidden"][:, 1:] for x in (ids, moved))
    assert error(after, before) > 1e-2


def test_valid_overrides_the_pad_id():
    model, ids = tiny(), tokens(1, 4)
    ids[0, 2] = 0
    as_token = model({"tokens": ids, "valid": np.ones((1, 4), bool)})["hidden"]
    assert error(as_token, model({"tokens": ids})["hidden"]) > 1e-2
    assert error(as_token, tiny(pad=None)({"tokens": ids})["hidden"]) < 1e-6


def test_a_query_that_sees_nothing_gets_nothing():
    model = tiny(depth=1, order="lm", mask=Strict(), heads=())
    out = model({"tokens": tokens(1, 4)}, attention=True)
    nothing = tiny(depth=1, order="lm", mask=Strict())
    for name, variable in weights_by_name(nothing).items():
        if "value" in name:
            variable.assign(np.zeros(variable.shape))
    silent = nothing({"tokens": tokens(1, 4)})["hidden"]
    assert error(out["hidden"][:, 0], silent[:, 0]) < 1e-6
    assert error(out["hidden"][:, 1], silent[:, 1]) > 1e-2


def test_packed_texts_equal_texts_alone():
    model = tiny(order="lm", mask=Ordered() & SameText())
    ids = tokens(1, 7)
    texts = np.array([[0, 0, 0, 1, 1, 1, 1]])
    positions = np.array([[0, 1, 2, 0, 1, 2, 3]])
    packed = model({"tokens": ids, "texts": texts, "positions": positions})["hidden"]
    assert error(packed[:, :3], model({"tokens": ids[:, :3]})["hidden"]) < 1e-5
    assert error(packed[:, 3:], model({"tokens": ids[:, 3:]})["hidden"]) < 1e-5


# The cache


def run_cached(model: Transformer, ids: np.ndarray, cuts: list[int], **extra) -> np.ndarray:
    """The logits of a text that is run piece by piece through a cache."""
    out = {"cache": model.empty_cache(len(ids), ids.shape[1] + 2)}
    logits = []
    for start, stop in pairwise(cuts):
        piece = {name: value[:, start:stop] for name, value in extra.items()}
        out = model(
            {"tokens": ids[:, start:stop], "cache": out["cache"], "at": np.int32(start), **piece}
        )
        logits.append(numpy_of(out["logits"]))
    return np.concatenate(logits, axis=1)


CACHED = {
    "lm": ("lm", Ordered(), [0, 3, 4, 5, 8]),
    "lm in steps": ("lm", Ordered(), list(range(9))),
    "window": ("lm", Ordered() & Window(3), [0, 3, 4, 6, 8]),
    "unilm": ("unilm", Ordered(), [0, 3, 4, 5, 6, 7, 8]),
    "turns": ("turns", Ordered(), [0, 3, 5, 6, 8]),
}
UNILM = np.array([[0, 0, 0, 1, 1, 1, 1, 1]], "int32").repeat(2, 0)


@pytest.mark.parametrize("name", CACHED)
def test_cached_equals_uncached_and_a_wrong_mask_does_not(name):
    order, mask, cuts = CACHED[name]
    model = tiny(heads=("mlm",), order=order, mask=mask)
    ids, segments = tokens(2, 8), SEGMENTS.repeat(2, 0) if order == "turns" else UNILM
    whole = model({"tokens": ids, "segments": segments})["logits"]
    assert error(run_cached(model, ids, cuts, segments=segments), whole) < 2e-5
    wrong = tiny(heads=("mlm",), order=order, mask=mask & Window(2))
    assert error(run_cached(wrong, ids, cuts, segments=segments), whole) > 1e-2


def test_cached_permutation_with_given_ranks():
    """Sites of ascending rank may be run one after the other, whatever their positions."""
    model = tiny(heads=("mlm",), order="permutation")
    ids, ranks = tokens(1, 8), RANKS
    whole = numpy_of(model({"tokens": ids, "order": ranks})["logits"])
    places = np.argsort(ranks[0])
    extra = {"order": ranks[:, places], "positions": places[None].astype("int32")}
    cached = run_cached(model, ids[:, places], list(range(9)), **extra)
    assert error(cached, whole[:, places]) < 2e-5


@pytest.mark.parametrize("order", ["lm", "unilm"])
def test_ragged_prompts_go_on_from_their_own_ends(order):
    """Right-padded prompts of lengths 3 and 5; each goes on as if it were alone."""
    model = tiny(heads=("mlm",), order=order)
    ids, lengths = tokens(2, 8), [3, 5]
    valid = np.arange(5)[None] < np.array(lengths)[:, None]
    ones = np.ones((2, 1), "int32")
    cache = model.empty_cache(2, 8)
    out = model({"tokens": ids[:, :5], "valid": valid, "cache": cache, "at": np.int32(0)})
    steps = []
    for i in range(3):
        step = {"tokens": ids[:, 5 + i : 6 + i], "segments": ones, "at": np.int32(5 + i)}
        out = model({**step, "cache": out["cache"]})
        steps.append(numpy_of(out["logits"]))
    for row, length in enumerate(lengths):
        alone = np.concatenate([ids[row, :length], ids[row, 5:]])[None]
        segments = np.array([[0] * length + [1] * 3])
        whole = model({"tokens": alone, "segments": segments})["logits"]
        assert error(np.concatenate(steps, 1)[row], whole[0, length:]) < 2e-5


def test_an_encoder_cannot_go_on():
    model = tiny()
    with pytest.raises(InputError, match="'full' cannot go on"):
        model({"tokens": tokens(1, 3), "cache": model.empty_cache(1, 4), "at": np.int32(0)})


# Against plain numpy


def reference(model: Transformer, ids: np.ndarray) -> np.ndarray:
    """A post-norm encoder in float64 numpy, loops over heads included."""
    w = {name: numpy_of(v.value).astype("float64") for name, v in weights_by_name(model).items()}
    a = model.architecture

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)
        return x * w[f"{name}/gamma"] + w[f"{name}/beta"]

    def dense(x, name):
        return x @ w[f"{name}/kernel"] + w[f"{name}/bias"]

    x = w["embeddings/tokens/embeddings"][ids] + w["embeddings/segments/embeddings"][0]
    x = norm(x + w["embeddings/positions/embeddings"][: ids.shape[1]], "embeddings/norm")
    for i in range(a.depth):
        name = f"blocks/{i}"
        q, k, v = (dense(x, f"{name}/attention/{part}") for part in ("query", "key", "value"))
        heads = []
        for head in range(a.attention_heads):
            cut = slice(head * a.key_size_, (head + 1) * a.key_size_)
            cut_v = slice(head * a.value_size_, (head + 1) * a.value_size_)
            scores = q[..., cut] @ k[..., cut].swapaxes(1, 2) / np.sqrt(a.key_size_)
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(weights / weights.sum(-1, keepdims=True) @ v[..., cut_v])
        y = dense(np.concatenate(heads, -1), f"{name}/attention/output")
        x = norm(x + y, f"{name}/attention_norm/after")
        y = dense(np.maximum(dense(x, f"{name}/feedforward/inner"), 0), f"{name}/feedforward/outer")
        x = norm(x + y, f"{name}/feedforward_norm/after")
    return x


@pytest.mark.parametrize("sizes", [{}, {"key_size": 10, "value_size": 7}])
def test_encoder_against_numpy(sizes):
    model, ids = tiny(activation="relu", **sizes), tokens(2, 6)
    assert error(model({"tokens": ids})["hidden"], reference(model, ids)) < 2e-6
    swapped = tiny(activation="relu", seed=7, **sizes)
    assert error(swapped({"tokens": ids})["hidden"], reference(model, ids)) > 1e-2


# Parts and mixers


@recipe
class Nearer(Part):
    """A toy bias: nearer keys score higher."""

    strength: float = 1.0

    def bias(self, queries, keys):
        distance = keras.ops.abs(queries.position[:, :, None] - keys.position[:, None, :])
        return -self.strength * keras.ops.cast(distance, "float32")[:, None]


@recipe
class Backwards(Mixer):
    """A toy mixer: hands each head's scores to another."""

    def make(self, attention, place):
        return (lambda x: keras.ops.flip(x, axis=1)) if place == "before" else None


class Gain(keras.layers.Layer, Part):
    """A toy part with a weight."""

    def build(self, shape):
        self.gain = self.add_weight(name="gain", shape=(), initializer="zeros")

    def logits(self, look):
        return self.gain * keras.ops.matmul(look.q, keras.ops.swapaxes(look.k, -1, -2))


@recipe
class Gained(Part):
    def make(self, attention):
        return Gain(name="gain")


def attention_of(**changes) -> np.ndarray:
    out = tiny(depth=1, **changes)({"tokens": tokens(1, 6)}, attention=True)
    return numpy_of(out["attention"][0])


def test_parts_add_up_and_mixers_mix():
    plain = attention_of()
    assert plain.shape == (1, 4, 6, 6) and np.allclose(plain.sum(-1), 1, atol=1e-6)
    near = attention_of(attention=(Dot(), Nearer(50.0)))
    assert (near.argmax(-1) == np.arange(6)).all() and not (plain.argmax(-1) == np.arange(6)).all()
    assert error(attention_of(mixer=Backwards()), plain[:, ::-1]) < 1e-6


def test_parts_with_weights_live_in_the_attention():
    model = Transformer(TINY.change(attention=(Dot(), Gained())))
    names = weights_by_name(model)
    assert "blocks/0/attention/gain/gain" in names and "blocks/1/attention/gain/gain" in names


def test_unscaled_dot_and_position_part_stays():
    changed = TINY.change(attention=Dot(scale=False))
    assert changed.attention == (Dot(scale=False),) and changed.position == TINY.position
    assert error(attention_of(attention=Dot(scale=False)), attention_of()) > 1e-2


def test_shared_blocks_are_stored_once():
    shared = tiny(sharing="all", depth=3)
    assert {n.split("/")[1] for n in weights_by_name(shared) if n.startswith("blocks")} == {"0"}
    assert TINY.change(sharing=2, depth=5).block_map == (0, 0, 1, 1, 2)
    unshared = tiny(depth=3)
    for name, variable in weights_by_name(unshared).items():
        parts = name.split("/")
        ours = "/".join([parts[0], "0", *parts[2:]]) if parts[0] == "blocks" else name
        variable.assign(weights_by_name(shared)[ours].value)
    ids = {"tokens": tokens(2, 5)}
    assert error(shared(ids)["hidden"], unshared(ids)["hidden"]) < 1e-6


# Inputs and outputs


def test_vectors_in_place_of_tokens():
    model, ids = tiny(), tokens(2, 5)
    vectors = numpy_of(model.embeddings.tokens(ids))
    assert error(model({"vectors": vectors})["hidden"], model({"tokens": ids})["hidden"]) < 1e-6


def test_read_picks_places():
    model, ids = tiny(heads=("mlm",)), tokens(2, 5)
    places = np.array([[4], [1]])
    picked = model({"tokens": ids, "read": places})["logits"]
    whole = numpy_of(model({"tokens": ids})["logits"])
    assert error(picked[:, 0], whole[[0, 1], [4, 1]]) < 1e-6


def test_heads_and_their_shapes():
    model = tiny(heads=("mlm", "nsp", "discriminator"), embedding_size=8)
    out = model({"tokens": tokens(2, 5)})
    shapes = {name: tuple(value.shape) for name, value in out.items()}
    assert shapes == {
        "hidden": (2, 5, 24),
        "logits": (2, 5, 40),
        "pooled": (2, 24),
        "nsp": (2, 2),
        "discriminator": (2, 5),
    }


def test_a_further_restriction():
    model, ids = tiny(depth=1), tokens(1, 4)
    allowed = np.tril(np.ones((1, 4, 4), bool))
    assert error(
        model({"tokens": ids, "allowed": allowed})["hidden"],
        tiny(depth=1, mask="lm")({"tokens": ids})["hidden"],
    ) < 1e-6  # fmt: skip


def test_bfloat16_is_near_and_logits_stay_float32():
    exact = tiny(heads=("mlm",))
    half = Transformer(exact.architecture, ("mlm",), dtype="mixed_bfloat16")
    half.set_weights(exact.get_weights())
    ids = {"tokens": tokens(2, 6)}
    assert keras.backend.standardize_dtype(half(ids)["logits"].dtype) == "float32"
    assert keras.backend.standardize_dtype(half(ids)["hidden"].dtype) == "bfloat16"
    assert error(half(ids)["logits"], exact(ids)["logits"]) < 0.1


def test_keras_saves_and_loads_it(tmp_path):
    model, ids = tiny(heads=("mlm",), mask="unilm"), {"tokens": tokens(2, 5)}
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.architecture == model.architecture
    assert error(again(ids)["logits"], model(ids)["logits"]) == 0


def test_it_stands_in_a_functional_model():
    model = tiny()
    ids = keras.Input((None,), dtype="int32")
    first = keras.layers.Dense(3)(model({"tokens": ids})["hidden"][:, 0])
    whole = keras.Model(ids, first)
    assert tuple(whole(tokens(2, 5)).shape) == (2, 3)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"token": np.ones((1, 2))}, "no input 'token'. Did you mean 'tokens'"),
        ({"segments": np.zeros((1, 2))}, "need 'tokens'"),
        ({"tokens": np.ones((1, 2)), "at": np.int32(0)}, "belong together"),
        ({"tokens": np.ones((1, 21), "int32")}, "21 tokens .* 20 positions"),
    ],
)
def test_wrong_inputs_are_refused(inputs, message):
    with pytest.raises(InputError, match=message):
        tiny()(inputs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention_heads": 5}, "width 24 does not divide by 5"),
        ({"order": "unlim"}, "Did you mean 'unilm'"),
        ({"hidden_size": 3}, "no field 'hidden_size'. Here it is width"),
        ({"widht": 3}, "Did you mean 'width'"),
        ({"sharing": (0,)}, "maps 1 blocks, but the depth is 2"),
        ({"sharing": "some"}, "not 'some'"),
        ({"position": "rotari"}, "no position part 'rotari'"),
        ({"depth": 0}, "depth must be"),
    ],
)
def test_wrong_architectures_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        TINY.change(**changes)


def test_architectures_travel_through_json():
    import json

    a = TINY.change(mask=Ordered() & Window(4), order="lm", sharing=(0, 0), attention=Dot(False))
    assert Architecture.from_json(json.loads(json.dumps(a.to_json()))) == a
    with pytest.raises(ConfigError, match="cannot be saved"):
        TINY.change(order=lambda segments: segments).to_json()


# Ids that no table has


BEYOND = [
    ({"tokens": np.array([[1, 40]])}, r"tokens\[0, 1\] is 40, but the ids .* are 0 to 39"),
    ({"tokens": np.array([[1, 2], [3, -1]])}, r"tokens\[1, 1\] is -1"),
    ({"tokens": np.array([[1.5, 2.0]])}, "tokens are whole numbers, as int32; received float64"),
    ({"tokens": np.ones((1, 2), "complex64")}, "received complex64"),
    ({"tokens": np.array([["a"]])}, "tokens are whole numbers"),
    ({"tokens": [[1, 2]]}, "tokens is a list; give an array"),
    ({"tokens": np.ones((1, 2), int), "segments": np.array([[0, 2]])}, r"segments\[0, 1\] is 2"),
    ({"tokens": np.ones((1, 2), int), "positions": np.array([[0, 20]])}, "positions are 0 to 19"),
    ({"tokens": np.ones((1, 2), int), "positions": np.array([[-1, 0]])}, "positions are 0 to 19"),
    ({"tokens": np.ones((1, 2), int), "read": np.array([[2]])}, "sites of the text are 0 to 1"),
]


@pytest.mark.parametrize(("inputs", "message"), BEYOND)
@pytest.mark.parametrize("kind", [np.asarray, keras.ops.convert_to_tensor])
def test_rows_that_are_not_there_are_refused(kind, inputs, message):
    if kind is not np.asarray and np.asarray(inputs["tokens"]).dtype.kind in "cU":
        pytest.skip("no backend makes such a tensor of ids")
    held = {k: v if isinstance(v, list) else kind(v) for k, v in inputs.items()}
    message = message.replace("float64", r"float\d\d")
    with pytest.raises(InputError, match=message) as error:
        tiny(heads=("mlm",))(held)
    assert "\x1b" not in str(error.value) and "Exception encountered" not in str(error.value)


def test_what_a_model_has_rows_for_is_taken():
    model = tiny(heads=("mlm",))
    ids = np.array([[0, 39, 1, 2]])
    inputs = {
        "tokens": ids,
        "segments": np.array([[0, 1, 1, 0]]),
        "positions": np.array([[0, 19, 3, 3]]),
        "read": np.array([[0, 3]]),
    }
    assert model(inputs)["logits"].shape == (1, 2, 40)
    assert tiny(segments=0)({"tokens": ids, "segments": ids})["hidden"].shape == (1, 4, 24)
    assert tiny(position="rotary")({"tokens": ids, "positions": ids + 900})["hidden"].shape
    roberta = tiny(position=Learned(20, offset=2))
    assert roberta({"tokens": ids, "positions": np.array([[-1, 0, 1, 19]])})["hidden"].shape


def test_refusals_of_layers_reach_the_caller_as_they_are():
    """Keras would wrap them in coloured lines and the arguments' shapes."""
    for inputs in ({"tokens": np.ones((1, 21), "int32")}, {"token": np.ones((1, 2))}):
        with pytest.raises(InputError) as error:
            tiny()(inputs)
        assert "\x1b" not in str(error.value) and "\n" not in str(error.value)


# dtype, and Keras' files of weights


def test_float64_is_refused_where_it_would_be_float32():
    if keras.backend.backend() != "jax":
        hidden = Transformer(TINY, dtype="float64")({"tokens": tokens(1, 3)})["hidden"]
        assert keras.backend.standardize_dtype(hidden.dtype) == "float64"
        return
    for dtype in ("float64", keras.DTypePolicy("float64")):
        with pytest.raises(ConfigError, match="JAX_ENABLE_X64=1"):
            Transformer(TINY, dtype=dtype)
    keras.config.set_dtype_policy("float64")
    try:
        with pytest.raises(ConfigError, match="JAX_ENABLE_X64=1"):
            Transformer(TINY)
    finally:
        keras.config.set_dtype_policy("float32")


DOUBLE = """
import numpy as np, playmask
a = playmask.architecture("bert").change(vocabulary=9, width=8, depth=1, attention_heads=2, inner=8)
model = playmask.build(a, dtype="float64")
print(model({"tokens": np.ones((1, 2), int)})["hidden"].dtype, model.weights[0].dtype)
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the others have it always")
def test_float64_where_it_is_switched_on():
    environment = os.environ | {"JAX_ENABLE_X64": "1"}
    command = [sys.executable, "-c", DOUBLE]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout == "float64 float64\n", done.stderr


def test_weights_of_keras_files_are_all_loaded_or_refused(tmp_path):
    model, other = tiny(seed=1), tiny(seed=2)
    ids = {"tokens": tokens(1, 4)}
    model.save_weights(tmp_path / "x.weights.h5")
    other.load_weights(tmp_path / "x.weights.h5")
    assert error(other(ids)["hidden"], model(ids)["hidden"]) == 0
    foreign = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    foreign.save_weights(tmp_path / "foreign.weights.h5")
    with pytest.raises(CheckpointError, match=r"foreign.weights.h5 has not the weights"):
        other.load_weights(tmp_path / "foreign.weights.h5")
    with h5py.File(tmp_path / "best_model.h5", "w") as file:  # as Keras 2 writes it
        file.attrs["layer_names"] = [b"Embedding-Token"]
        file.create_group("Embedding-Token").attrs["weight_names"] = []
    for options in ({"by_name": True}, {}, {"by_name": True, "skip_mismatch": True}):
        with pytest.raises(CheckpointError, match=r"best_model.h5 is none of Keras 3's files"):
            other.load_weights(tmp_path / "best_model.h5", **options)
    with pytest.raises(CheckpointError, match="by_name is for files of Keras 2"):
        other.load_weights(tmp_path / "x.weights.h5", by_name=True)
