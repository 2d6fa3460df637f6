"""Architectures of today as data: Llama, ModernBERT, DeBERTa, BART, beside plain numpy."""

import math
from typing import Any

import numpy as np
import pytest
from attending import heads_of, sigmoid, softmax
from test_open import turned

import playmask
from comparing import error, numpy_of
from playmask.model.architecture import Architecture, Decoder, VocabularyHead
from playmask.model.masks import Ordered, Window
from playmask.model.norms import Around, Norm
from playmask.model.parts import ByBlock, Disentangled, Dot, Learned, Rotary
from playmask.model.transformer import Transformer, weights_by_name

pytestmark = pytest.mark.backends

RMS, PLAIN = Norm(1e-5, "rms"), Norm(1e-5, shift=False)
SMALL: dict[str, Any] = {
    "family": "bert", "vocabulary": 40, "width": 24, "attention_heads": 4, "inner": 32,
    "segments": 0, "initializer_range": 0.5,
}  # fmt: skip

LLAMA = Architecture(
    **SMALL, depth=2, activation="swish", gate="linear", bias=False, order="lm", pad=None,
    position=Rotary(500.0, halves=True), key_value_heads=2, embedding_norm=None,
    attention_norm=Around(before=RMS), feedforward_norm=Around(before=RMS), final_norm=RMS,
    vocabulary_head=VocabularyHead(transform=False, norm=None, bias=False, tied=False),
)  # fmt: skip
QWEN2 = LLAMA.change(bias=("query", "key", "value"))
QWEN3 = LLAMA.change(key_size=8, value_size=8, query_key_norm=RMS)

LOCAL = Ordered() & Window(3)
MODERNBERT = Architecture(
    **SMALL, depth=4, gate="linear", bias=False, embedding_norm=PLAIN, final_norm=PLAIN,
    mask=ByBlock(((0, Ordered()), (3, Ordered())), rest=LOCAL),
    position=ByBlock(
        ((0, Rotary(900.0, halves=True)), (3, Rotary(900.0, halves=True))),
        rest=Rotary(100.0, halves=True),
    ),
    attention_norm=ByBlock(((0, Around()),), rest=Around(before=PLAIN)),
    feedforward_norm=Around(before=PLAIN),
    vocabulary_head=VocabularyHead(norm=PLAIN),
)  # fmt: skip

DEBERTA = Architecture(
    **SMALL, depth=2, attention=(Dot(terms=3),), position=Disentangled(buckets=6, longest=12),
    embedding_norm=Norm(1e-7), attention_norm=Around(after=Norm(1e-7)),
    feedforward_norm=Around(after=Norm(1e-7)), vocabulary_head=VocabularyHead(norm=Norm(1e-7)),
)  # fmt: skip

BART = Architecture(
    **SMALL, depth=2, position=Learned(20), embedding_norm=Norm(1e-5),
    attention_norm=Around(after=Norm(1e-5)), feedforward_norm=Around(after=Norm(1e-5)),
    decoder=Decoder(2, position=Learned(12), embedding_norm=Norm(1e-5)),
    vocabulary_head=VocabularyHead(transform=False, norm=None),
)  # fmt: skip


def filled(a: Architecture) -> Transformer:
    """A model whose weights are all random."""
    model = Transformer(a, ("mlm",))
    random = np.random.default_rng(1)
    for name, variable in weights_by_name(model).items():
        middle = 1.0 if name.endswith("gamma") else 0.0
        variable.assign(middle + 0.3 * random.normal(size=variable.shape).astype("float32"))
    return model


IDS = np.random.default_rng(2).integers(2, 40, (2, 9)).astype("int32")


def stepped(model: Transformer, name: str = "tokens", **more: Any) -> np.ndarray:
    """All logits through a cache: three tokens at once, then one at a time."""
    cache, logits = model.empty_cache(2, 9), []
    for start, stop in ((0, 3), *((i, i + 1) for i in range(3, 9))):
        out = model({name: IDS[:, start:stop], "cache": cache, "at": np.int32(start), **more})
        cache, more = out["cache"], {}
        logits.append(numpy_of(out["logits"]))
    return np.concatenate(logits, axis=1)


def llama(w: dict[str, np.ndarray], a: Architecture) -> np.ndarray:
    """The formulas of Qwen3, which Llama and Qwen2 leave some of out, in float64."""
    rms = lambda x, name: (  # noqa: E731
        x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}/gamma"]
    )
    dense = lambda x, name: x @ w[f"{name}/kernel"] + w.get(f"{name}/bias", 0.0)  # noqa: E731
    x, at = w["embeddings/tokens/embeddings"][IDS], np.broadcast_to(np.arange(9), IDS.shape)
    causal = np.where(np.tri(9, dtype=bool), 0.0, -np.inf)
    for i in range(a.depth):
        own = f"blocks/{i}/attention"
        y = rms(x, f"{own}_norm/before")
        q, k = heads_of(dense(y, f"{own}/query"), 4), heads_of(dense(y, f"{own}/key"), 2)
        v = heads_of(dense(y, f"{own}/value"), 2)
        if a.query_key_norm is not None:
            q, k = rms(q, f"{own}/query_norm"), rms(k, f"{own}/key_norm")
        q, k = (turned(z, at, halves=True, base=500.0) for z in (q, k))
        k, v = (np.repeat(z, 2, axis=1) for z in (k, v))
        weights = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + causal)
        y = (weights @ v).transpose(0, 2, 1, 3).reshape(*IDS.shape, -1)
        x = x + dense(y, f"{own}/output")
        own = f"blocks/{i}/feedforward"
        y = rms(x, f"{own}_norm/before")
        gate = dense(y, f"{own}/inner")
        x = x + dense(gate * sigmoid(gate) * dense(y, f"{own}/gate"), f"{own}/outer")
    return rms(x, "blocks/norm") @ w["mlm/output/kernel"]


@pytest.mark.parametrize("a", [LLAMA, QWEN2, QWEN3], ids=["llama", "qwen2", "qwen3"])
def test_language_models_against_numpy(a):
    model = filled(a)
    w = {n: numpy_of(v.value).astype("float64") for n, v in weights_by_name(model).items()}
    found = model({"tokens": IDS})["logits"]
    assert error(found, llama(w, a)) < 1e-5
    grouped = {
        n: np.roll(x, x.shape[-1] // 2, axis=-1) if "/key/kernel" in n else x for n, x in w.items()
    }
    assert error(found, llama(grouped, a)) > 1e-3


def test_modernbert_is_local_but_in_every_third_block():
    model = filled(MODERNBERT)
    assert model.architecture.masks == (Ordered(), LOCAL, LOCAL, Ordered())
    names = set(weights_by_name(model))
    assert not any(n.startswith("blocks/0/attention_norm") for n in names)
    assert "blocks/1/attention_norm/before/gamma" in names
    assert {n for n in names if n.endswith(("/beta", "/bias"))} == {
        "mlm/bias",
        "mlm/transform/bias",
    }
    out = model({"tokens": IDS}, attention=True)
    near = np.abs(np.subtract.outer(range(9), range(9))) < 3
    for block, weights in enumerate(map(numpy_of, out["attention"])):
        assert ((weights > 0) == (near if block in (1, 2) else True)).all()
    for field in ("mask", "position", "attention_norm"):
        other = MODERNBERT.change(**{field: getattr(MODERNBERT, field).rest})
        assert error(filled(other)({"tokens": IDS})["logits"], out["logits"]) > 1e-3
    causal = filled(MODERNBERT.change(mask="lm"))
    whole = causal({"tokens": IDS})["logits"]
    assert error(stepped(causal), whole) < 2e-5


LONG = np.random.default_rng(3).integers(2, 40, (2, 20)).astype("int32")


def deberta_bucket(away: int, buckets: int = 6, longest: int = 12) -> int:
    """`make_log_bucket_position` of DeBERTa-v2's program, for one distance."""
    middle = buckets // 2
    far = middle - 1 if -middle < away < middle else abs(away)
    if far <= middle:
        return away
    grown = np.ceil(np.log(far / middle) / np.log((longest - 1) / middle) * (middle - 1))
    return int((grown + middle) * np.sign(away))


def deberta(w: dict[str, np.ndarray], *, turned: bool = False, terms: str = "cp pc") -> np.ndarray:
    """The formulas of DeBERTa-v2, in float64: hidden states of LONG."""

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-7)
        return x * w[f"{name}/gamma"] + w[f"{name}/beta"]

    dense = lambda x, name: x @ w[f"{name}/kernel"] + w[f"{name}/bias"]  # noqa: E731
    x = norm(w["embeddings/tokens/embeddings"][LONG], "embeddings/norm")
    table = norm(w["blocks/disentangled/embeddings"], "blocks/disentangled/norm")[None]
    rows = np.array([
        [np.clip(deberta_bucket(j - i if turned else i - j) + 6, 0, 11) for j in range(20)]
        for i in range(20)
    ])  # fmt: skip
    for i in range(2):
        own = f"blocks/{i}/attention"
        q, k, v = (heads_of(dense(x, f"{own}/{side}"), 4) for side in ("query", "key", "value"))
        places_q, places_k = (
            heads_of(dense(table, f"{own}/{side}"), 4) for side in ("query", "key")
        )
        scores = q @ k.swapaxes(-1, -2)
        if "cp" in terms:
            scores = scores + np.einsum("bnth,ntsh->bnts", q, places_k[0][:, rows])
        if "pc" in terms:
            scores = scores + np.einsum("bnsh,ntsh->bnts", k, places_q[0][:, rows])
        y = softmax(scores / np.sqrt(3 * q.shape[-1])) @ v
        y = dense(y.transpose(0, 2, 1, 3).reshape(x.shape), f"{own}/output")
        x = norm(x + y, f"{own}_norm/after")
        own = f"blocks/{i}/feedforward"
        inner = dense(x, f"{own}/inner")
        inner = inner * (1 + np.vectorize(math.erf)(inner / np.sqrt(2))) / 2
        x = norm(x + dense(inner, f"{own}/outer"), f"{own}_norm/after")
    return x


def test_deberta_against_numpy():
    """All of its positions are distances: 20 sites reach beyond the last bucket, 12 away."""
    model = filled(DEBERTA)
    w = {n: numpy_of(v.value).astype("float64") for n, v in weights_by_name(model).items()}
    assert not any(n.startswith("embeddings/positions") for n in w)
    assert [n for n in w if "disentangled" in n] == [
        f"blocks/disentangled/{n}" for n in ("embeddings", "norm/gamma", "norm/beta")
    ]
    found = model({"tokens": LONG})["hidden"]
    assert error(found, deberta(w)) < 1e-5
    assert error(found, deberta(w, turned=True)) > 1e-2
    assert error(found, deberta(w, terms="cp")) > 1e-2
    assert error(found, deberta(w, terms="pc")) > 1e-2
    assert error(found, filled(DEBERTA.change(attention=Dot()))({"tokens": LONG})["hidden"]) > 1e-2
    packed = {"tokens": LONG, "positions": np.stack([np.arange(20), np.arange(20)[::-1] + 7])}
    mirrored = model({"tokens": LONG[:, ::-1].copy()})["hidden"]
    rows = numpy_of(model(packed)["hidden"])
    assert error(rows[0], numpy_of(found)[0]) < 1e-5
    assert error(rows[1], numpy_of(mirrored)[1, ::-1]) < 1e-5


@pytest.mark.parametrize("groups", [None, 2])
def test_deberta_with_a_cache_and_grouped_heads(groups):
    model = filled(DEBERTA.change(mask="lm", key_value_heads=groups))
    assert error(stepped(model), model({"tokens": IDS})["logits"]) < 2e-5


def test_a_shared_table_limits_the_decoder_too():
    """Which has none of its own: the encoder's 20 rows serve both."""
    model = filled(BART.change(decoder=Decoder(2)))
    text = {"tokens": LONG}
    model({**text, "target_tokens": LONG})
    longer = np.concatenate([LONG, LONG[:, :1]], axis=1)
    with pytest.raises(playmask.PlaymaskError, match="21 tokens .* 20 positions"):
        model({**text, "target_tokens": longer})
    with pytest.raises(playmask.PlaymaskError, match="the model has 20"):
        playmask.generate(model, [LONG[0].tolist()], max_tokens=21, start=[2], end=None)


def test_generation_ends_where_the_decoders_positions_end():
    """The encoder has 20 of them, the decoder 12."""
    model, prompt = filled(BART), [IDS[0].tolist()]
    out = playmask.generate(model, prompt, max_tokens=12, start=[2], end=None)
    assert len(out.tokens[0][0]) == 12
    with pytest.raises(playmask.PlaymaskError, match="the model has 12"):
        playmask.generate(model, prompt, max_tokens=13, start=[2], end=None)
    longest = np.full(20, 3).tolist()
    playmask.generate(model, [longest], max_tokens=2, start=[2], end=None)


@pytest.mark.parametrize("a", [LLAMA, QWEN2, QWEN3, MODERNBERT, DEBERTA, BART])
def test_they_travel_and_are_saved(a, tmp_path):
    model = filled(a)
    inputs = {"tokens": IDS} | ({"target_tokens": IDS} if a.decoder is not None else {})
    again = playmask.load(playmask.save(model, tmp_path / "model"), heads=("mlm",))
    assert again.architecture == a
    assert error(again(inputs)["logits"], model(inputs)["logits"]) == 0
