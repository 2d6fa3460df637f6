"""What an architecture may choose around the parts: heads in groups, norms, biases, blocks."""

import json
from typing import Any

import keras
import numpy as np
import pytest
from attending import (
    CASES,
    CLOSE,
    FAR,
    Array,
    attention_of,
    check,
    expected,
    heads_of,
    positions_in,
    projected,
    run,
    stepped,
    weights_of,
)  # fmt: skip
from keras import ops

from comparing import TINY, error, numpy_of, tiny, tokens
from laboratory import LENGTH, RANDOM
from playmask.errors import ConfigError
from playmask.model import heads
from playmask.model.architecture import Architecture, Decoder
from playmask.model.heads import Head, Reading
from playmask.model.masks import Ordered, Strict, Window
from playmask.model.norms import Around, Norm
from playmask.model.parts import (
    ByBlock,
    Disentangled,
    Dot,
    Gated,
    Learned,
    Linformer,
    Part,
    PseudoSelf,
    Rotary,
    Sinusoidal,
    TalkingHeads,
    TokenMixing,
    mix,
)
from playmask.model.recipes import recipe
from playmask.model.transformer import Transformer, weights_by_name

pytestmark = pytest.mark.backends


def inputs_for(model: Transformer, length: int = 8) -> dict[str, Array]:
    inputs = {"tokens": tokens(2, length), "valid": np.arange(length) < np.array([[length], [5]])}
    if model.architecture.context is not None:
        inputs["context"] = np.random.default_rng(4).normal(size=(2, 3, 6)).astype("float32")
    return inputs


def copied(model: Transformer, weights: dict[str, Array]) -> Transformer:
    """The model with weights of these names, all that it has."""
    for name, variable in weights_by_name(model).items():
        variable.assign(weights[name])
    return model


def values_of(model: Transformer) -> dict[str, Array]:
    return {name: numpy_of(v.value) for name, v in weights_by_name(model).items()}


# Heads in groups


@recipe
class Even(Part):
    """Scores nothing: all keys are alike."""


GROUPED: dict[str, dict[str, Any]] = {
    "dot": {},
    "rotary": {"position": "rotary"},
    "nezha": {"position": "nezha"},
    "mixture": {"attention": mix(RANDOM, Dot())},
    "no scores": {"attention": (Even(),)},
    "random": {"attention": RANDOM},
    "linformer": {"attention": Linformer(5, length=LENGTH)},
    "talking": {"talking_heads": True},
    "context": {"context": PseudoSelf(6)},
    "norm": {"query_key_norm": Norm(1e-6)},
    "sizes": {"key_size": 5, "value_size": 7},
}


def repeated(weights: dict[str, Array], groups: int, consecutive: bool = True) -> dict[str, Array]:
    """The weights of as many key and value heads as there are queries', each as its group's."""

    def every(name: str, x: Array) -> Array:
        side = name.split("/")[-2]
        if side not in ("key", "value"):
            return x
        split = x.reshape(*x.shape[:-1], groups, -1)
        times = 4 // groups
        split = (
            np.repeat(split, times, axis=-2)
            if consecutive
            else np.concatenate([split] * times, axis=-2)
        )
        return split.reshape(*x.shape[:-1], -1)

    return {name: every(name, x) for name, x in weights.items()}


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("name", GROUPED)
def test_grouped_heads_equal_full_ones_with_repeated_kernels(name, groups):
    model, full = tiny(key_value_heads=groups, **GROUPED[name]), tiny(**GROUPED[name])
    inputs = inputs_for(model)
    right = copied(full, repeated(values_of(model), groups))(inputs, attention=True)
    out = model(inputs, attention=True)
    assert error(out["hidden"], right["hidden"]) < 1e-5
    assert error(out["attention"][1], right["attention"][1]) < 1e-5
    if groups == 2 and name != "no scores":  # whose heads are alike
        wrong = copied(full, repeated(values_of(model), groups, consecutive=False))(inputs)
        assert error(wrong["hidden"], out["hidden"]) > 1e-3


def test_a_cache_holds_the_heads_of_keys_and_values_only():
    model = tiny(key_value_heads=2, order="lm", value_size=5)
    shapes = {n: tuple(x.shape) for n, x in model.empty_cache(3, 7)["kv"][0].items()}
    assert shapes == {"keys": (3, 2, 7, 6), "values": (3, 2, 7, 5)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key_value_heads": 3}, "divides 4 attention_heads, not 3"),
        ({"key_value_heads": 0}, "divides 4 attention_heads, not 0"),
        ({"key_value_heads": 2.0}, "not 2.0"),
        ({"key_value_heads": 2, "mixer": TalkingHeads(key_heads=2)}, "does not go with key_value"),
        ({"key_value_heads": 2, "mixer": TalkingHeads(value_heads=2)}, "does not go with key_valu"),
        ({"key_value_heads": 1, "projections": Gated()}, "needs a value projection of its own"),
        ({"key_value_heads": 1, "attention": TokenMixing(7, length=20)}, "value projection"),
        ({"query_key_norm": True}, "query_key_norm must be None or a Norm, not True"),
        ({"bias": ("quere",)}, "there is no 'quere'. Did you mean 'query'"),
        ({"bias": "query"}, "bias must be True, False or a tuple of names"),
        ({"mask": {0: "lm"}}, "mask must be a Mask .* not 'lm'"),
        ({"mask": {2: Ordered()}}, "mask names block 2, but the depth is 2"),
        ({"attention_norm": {0: Norm()}}, "attention_norm must be Around"),
        ({"attention_norm": None}, "attention_norm must be Around"),
        ({"position": {0: "rotari"}}, "no position part 'rotari'"),
        ({"position": {0: "learned"}}, "is added to the embedding, so all blocks have it or none"),
        ({"position": {0: Sinusoidal()}}, "is added to the embedding"),
        ({"position": {"first": None}}, "position names blocks by number, or 'rest'"),
        ({"position": 3}, "position must be a position part"),
        ({"attention": Disentangled()}, "says where tokens stand: give it as position="),
        ({"attention": Dot(scale=True), "position": "disentangle"}, "Did you mean 'disentangled'"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        TINY.change(**{"position": None, **changes})


# Norms on queries and keys


def normed(x: Array, gamma: Array, kind: str, beta: Any = 0.0) -> Array:
    x = x - (x.mean(-1, keepdims=True) if kind == "layer" else 0.0)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * gamma + beta


def turned(x: Array, positions: Array, *, halves: bool, base: float = 10000.0) -> Array:
    """Rotary embedding in complex numbers, pairs (2i, 2i+1) or (i, i + H/2)."""
    half = x.shape[-1] // 2
    left, right = (x[..., :half], x[..., half:]) if halves else (x[..., 0::2], x[..., 1::2])
    speeds = np.array([base ** (-2 * i / x.shape[-1]) for i in range(half)])
    z = (left + 1j * right) * np.exp(1j * positions[:, None, :, None] * speeds)
    axis = -2 if halves else -1
    pairs = np.stack([z.real, z.imag], axis)
    return pairs.reshape(x.shape)


@pytest.mark.parametrize("kind", ["rms", "layer"])
@pytest.mark.parametrize("name", CASES)
def test_norms_on_queries_and_keys(name, kind):
    """Per head, and before queries and keys are rotated."""
    case = CASES[name]
    layer = attention_of(query_key_norm=Norm(1e-6, kind), position=Rotary(halves=True))
    w = weights_of(layer)
    q, k = projected(case, w, "query"), projected(case, w, "key")
    at = positions_in(case)

    def scores(norm: Any, order: str = "first", halves: bool = True) -> Array:
        sides = []
        for side, x in (("query", q), ("key", k)):
            gamma, beta = w[f"{side}_norm/gamma"], w.get(f"{side}_norm/beta", 0.0)
            x = norm(x, gamma, beta) if order == "first" else x
            x = turned(x, at, halves=halves)
            sides.append(norm(x, gamma, beta) if order == "last" else x)
        return np.einsum("bnth,bnsh->bnts", *sides) / np.sqrt(6)

    right = lambda x, gamma, beta: normed(x, gamma, kind, beta)  # noqa: E731

    def together(x: Array, gamma: Array, beta: Any) -> Array:
        joined = x.transpose(0, 2, 1, 3).reshape(len(x), x.shape[2], -1)
        beta = np.tile(beta, 4) if np.ndim(beta) else beta
        return heads_of(normed(joined, np.tile(gamma, 4), kind, beta), 4)

    other = "layer" if kind == "rms" else "rms"
    found = run(layer, case).output
    check(
        found,
        {
            "right": expected(case, w, scores(right)),
            "no norm": expected(case, w, scores(lambda x, gamma, beta: x)),
            "all heads together": expected(case, w, scores(together)),
            "after rotating": expected(case, w, scores(right, "last")),
            "pairs": expected(case, w, scores(right, halves=False)),
            "another kind": expected(
                case, w, scores(lambda x, gamma, beta: normed(x, gamma, other, beta))
            ),
        },
    )
    if name == "causal":
        assert error(stepped(layer, case), expected(case, w, scores(right))) < CLOSE


@pytest.mark.parametrize("size", [2, 8, 10])
def test_rotary_by_halves(size):
    from playmask.model.masks import Sites

    positions = np.array([[0, 1, 2, 3], [7, 5, 100, 511]], "int32")
    x = np.random.default_rng(1).normal(size=(2, 3, 4, size)).astype("float32")
    out = numpy_of(Rotary(500.0, halves=True).rotate(x, Sites(positions, positions, positions)))
    assert error(out, turned(x, positions, halves=True, base=500.0)) < 1e-4
    if size > 2:  # a head of one pair has it both ways
        assert error(out, turned(x, positions, halves=False, base=500.0)) > FAR


# Biases


NAMED = ("query", "key", "value")


def test_biases_by_name_are_there_and_others_are_not():
    some, every = tiny(bias=NAMED, gate="linear"), tiny(gate="linear")
    biases = lambda m: {n for n in weights_by_name(m) if n.endswith("/bias")}  # noqa: E731
    assert biases(some) == {n for n in biases(every) if n.split("/")[-2] in NAMED}
    assert {n.split("/")[-2] for n in biases(every)} == {*NAMED, "output", "inner", "gate", "outer"}
    none = {n: np.zeros_like(x) for n, x in values_of(every).items()}
    inputs = {"tokens": tokens(2, 6)}
    found = some(inputs)["hidden"]
    assert error(copied(every, none | values_of(some))(inputs)["hidden"], found) < 1e-6
    assert error(tiny(gate="linear")(inputs)["hidden"], found) > FAR


# Block by block


CHOICES: dict[str, tuple[Any, Any]] = {
    "mask": (Ordered() & Window(2), Strict()),
    "position": (Rotary(300.0), Rotary(halves=True)),
    "attention": (Dot(), (Dot(scale=False),)),
    "attention_norm": (Around(), Around(before=Norm(1e-5, "rms"))),
    "feedforward_norm": (Around(after=Norm()), Around(before=Norm(1e-5), after=Norm())),
}


def bare(**changes: Any) -> Architecture:
    """An architecture whose embedding hands on the vectors that it gets."""
    sizes = {"position": None, "embedding_norm": None, "segments": 0, "order": "lm"}
    return TINY.change(**{**sizes, **changes})


@pytest.mark.parametrize("field", CHOICES)
def test_choices_by_block_equal_a_model_a_block(field):
    first, second = CHOICES[field]
    if field == "attention":
        first = (first,)
    both = Transformer(bare(**{field: {0: first, "rest": second}}))
    random = np.random.default_rng(1)
    for name, variable in weights_by_name(both).items():
        middle = 1.0 if name.endswith("gamma") else 0.0
        variable.assign(middle + 0.3 * random.normal(size=variable.shape).astype("float32"))
    weights = values_of(both)
    x = {"vectors": random.normal(size=(2, 6, 24)).astype("float32")}
    found = both(x)["hidden"]

    def chained(*fields: Any) -> Array:
        y = x["vectors"]
        for i, value in enumerate(fields):
            one = Transformer(bare(depth=1, **{field: value}))
            own = {n.replace(f"blocks/{i}/", "blocks/0/"): v for n, v in weights.items()}
            own = {n: v for n, v in own.items() if "blocks/" not in n} | {
                n.replace(f"blocks/{i}/", "blocks/0/"): v
                for n, v in weights.items() if n.startswith(f"blocks/{i}/")
            }  # fmt: skip
            for n, variable in weights_by_name(one).items():
                variable.assign(own.get(n, np.ones(variable.shape)))
            y = numpy_of(one({"vectors": y})["hidden"])
        return y

    assert error(found, chained(first, second)) < 1e-5
    assert error(found, chained(second, first)) > 1e-3
    assert error(found, chained(first, first)) > 1e-3
    assert error(found, chained(second, second)) > 1e-3


def test_blocks_that_share_weights_may_differ_in_their_mask_only():
    masks = {0: Ordered() & Window(2), 1: Ordered()}
    a = TINY.change(sharing="all", mask=masks, order="lm")
    assert a.masks == tuple(masks.values()) and a.at(0).mask == masks[0]
    tiny(sharing="all", mask=masks, order="lm")({"tokens": tokens(1, 4)})
    with pytest.raises(ConfigError, match="so attention_norm has to give them the same"):
        Transformer(TINY.change(sharing="all", attention_norm={0: Around()}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"buckets": 7}, "an even number of buckets .* buckets=7"),
        ({"buckets": 2}, "buckets of Disentangled must be a whole number from 4, not 2"),
        ({"longest": 255}, "no fewer distances; received buckets=256, longest=255"),
        ({"longest": "far"}, "longest='far'"),
    ],
)
def test_disentangled_positions_that_cannot_be(options, message):
    with pytest.raises(ConfigError, match=message):
        Disentangled(**options)


def test_disentangled_positions_need_dense_queries_and_keys():
    with pytest.raises(ConfigError, match="no dense layer; take projections=Separate"):
        tiny(position="disentangled", projections=Gated(), feedforward=False)
    with pytest.raises(ConfigError, match="terms of Dot must be a whole number from 1, not 0"):
        Dot(terms=0)


def test_a_dict_changes_the_named_blocks_only():
    a = TINY.change(depth=4, position=None, mask={(1, 2): Window(2)})
    assert a.masks == (Ordered(), Window(2), Window(2), Ordered())
    again = a.change(mask={2: Window(5), "rest": Strict()})
    assert again.masks == (Strict(), Window(2), Window(5), Strict())
    assert again.change(mask=ByBlock((), Window(9))).masks == (Window(9),) * 4
    assert again.change(mask=Ordered()).masks == (Ordered(),) * 4


# What was saved before


def test_a_saved_architecture_without_the_new_fields_loads():
    a = TINY.change(decoder=Decoder(2), position="rotary")
    value = json.loads(json.dumps(a.to_json()))
    for name in ("key_value_heads", "query_key_norm"):
        del value[name]
    del value["decoder"]["embedding_norm"], value["position"]["halves"]
    for field in ("embedding_norm",):
        del value[field]["shift"]
    assert Architecture.from_json(value) == a
    by_block = TINY.change(
        position={0: Rotary(halves=True), "rest": None}, attention={0: RANDOM}, bias=("query",),
        mask={1: Window(3)}, attention_norm={0: Around()}, key_value_heads=2, query_key_norm=Norm(),
    )  # fmt: skip
    assert Architecture.from_json(json.loads(json.dumps(by_block.to_json()))) == by_block


@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_a_norm_without_shift(kind):
    """Equals one whose β is zero."""
    norm = Norm(1e-5, kind, shift=False)
    without, full = tiny(embedding_norm=norm), tiny(embedding_norm=Norm(1e-5, kind))
    names = {n for n in weights_by_name(without) if n.startswith("embeddings/norm")}
    assert names == {"embeddings/norm/gamma"}
    beta = {"embeddings/norm/beta": np.zeros(24, "float32")}
    inputs = {"tokens": tokens(2, 6)}
    found = without(inputs)["hidden"]
    assert error(copied(full, values_of(without) | beta)(inputs)["hidden"], found) < 1e-6
    beta = {"embeddings/norm/beta": np.ones(24, "float32")}
    if kind == "layer":
        wrong = copied(full, values_of(without) | beta)(inputs)["hidden"]
        assert error(wrong, found) > FAR


# A decoder's own positions and norm


def decoding(decoder: Decoder, **changes: Any) -> Transformer:
    return tiny(heads=("mlm",), decoder=decoder, order="full", **changes)


def pairs(length: int = 6) -> dict[str, Array]:
    return {"tokens": tokens(2, 5), "target_tokens": tokens(2, length, seed=9)}


def test_a_decoder_embeds_as_it_says():
    """With the encoder's table and norm copied it is the shared one; by itself it is not."""
    shared = decoding(Decoder(2))
    own = decoding(Decoder(2, position=Learned(20), embedding_norm=Norm()))
    new = set(weights_by_name(own)) - set(weights_by_name(shared))
    assert new == {
        f"decoder_embeddings/{n}" for n in ("positions/embeddings", "norm/gamma", "norm/beta")
    }
    weights = values_of(shared)
    alike = weights | {n: weights[n.removeprefix("decoder_")] for n in new}
    wanted = shared(pairs())
    assert error(copied(own, alike)(pairs())["logits"], wanted["logits"]) < 1e-6
    for name in new:
        found = copied(own, alike | {name: alike[name][::-1] + 1})(pairs())
        assert error(found["logits"], wanted["logits"]) > 1e-3, name
        assert error(found["memory"], wanted["memory"]) < 1e-6, name
    only = decoding(Decoder(2, embedding_norm=Norm()))
    assert "decoder_embeddings/positions/embeddings" not in weights_by_name(only)


def test_a_decoder_is_as_long_as_its_own_positions():
    from playmask.errors import InputError

    model = decoding(Decoder(2, position=Learned(7)))
    model(pairs(7))
    with pytest.raises(InputError, match="8 tokens .* 7 positions"):
        model(pairs(8))


# Heads of one's own


class Mean(Head):
    output = "mean"

    def read(self, reading: Reading) -> Any:
        return ops.mean(reading.hidden, axis=1)


class Gap(Head):
    """How far a dense layer of the mean is from the pooled vector."""

    output, needs = "gap", ("mean", "pool")

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(architecture, **options)
        self.dense = keras.layers.Dense(architecture.width, name="dense")

    def build(self, shape: Any) -> None:
        self.dense.build((None, shape[-1]))

    def read(self, reading: Reading) -> Any:
        return self.dense(reading.outputs["mean"]) - reading.outputs["pooled"]


class Wide(Head):
    output, needs = "wide", ("gap",)

    def read(self, reading: Reading) -> Any:
        return ops.sum(ops.abs(reading.outputs["gap"]), axis=-1)


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(heads, "HEADS", own := dict(heads.HEADS))
    monkeypatch.setattr("playmask.model.transformer.HEADS", own)
    for name, head in (("mean", Mean), ("gap", Gap), ("wide", Wide)):
        assert heads.register_head(name, head) == name
    return own


def test_a_registered_head_reads_after_those_it_needs(registry):
    model = tiny(heads=("wide",))
    assert list(model.heads) == ["pool", "mean", "gap", "wide"]
    out = {name: numpy_of(x) for name, x in model({"tokens": tokens(2, 6)}).items()}
    assert set(out) == {"hidden", "pooled", "mean", "gap", "wide"}
    w = values_of(model)
    gap = out["hidden"].mean(1) @ w["gap/dense/kernel"] + w["gap/dense/bias"] - out["pooled"]
    assert error(out["wide"], np.abs(gap).sum(-1)) < 1e-4


@pytest.mark.parametrize(
    ("name", "head", "message"),
    [
        ("pool", Mean, "There is a head 'pool' already, Pooler"),
        ("decoder", Mean, "cannot be called 'decoder', as a layer"),
        ("other", Mean, "'mean' is an output of the model already"),
        ("other", type("Hidden", (Head,), {"output": "hidden"}), "'hidden' is an output"),
        ("other", type("Deep", (Head,), {"output": "x", "needs": ("no",)}), "needs 'no', which"),
    ],
)
def test_heads_that_cannot_be_registered(registry, name, head, message):
    before = dict(registry)
    with pytest.raises(ConfigError, match=message):
        heads.register_head(name, head)
    assert registry == before
