"""BERT against the original programs' values, and proof that near misses fail."""

import json
from pathlib import Path

import numpy as np
import pytest

import playmask
from comparing import error, log_softmax
from playmask.norms import Around, Norm

pytestmark = pytest.mark.backends

ORACLES = Path(__file__).parents[1] / "oracles"
CLOSE = 2e-5  # of the largest value
FAR = 2e-3  # what a wrong choice must differ by, at least


def bert4keras(case: str) -> tuple[dict, dict, dict]:
    """How a case was built, its inputs, and its outputs as logits or log-probabilities."""
    folder = ORACLES / "bert4keras" / case
    build = json.loads((folder / "case.json").read_text())["build"]
    arrays = np.load(folder / "case.npz")
    inputs = {
        "tokens": arrays["in:Input-Token"].astype("int32"),
        "segments": arrays["in:Input-Segment"].astype("int32"),
    }
    outputs = {name[4:]: arrays[name] for name in arrays.files if name.startswith("out:")}
    return build, inputs, outputs


def run(case: str, **changes) -> dict[str, float]:
    """Load a bert4keras case and return the error of every output."""
    build, inputs, wanted = bert4keras(case)
    heads = [name for name, key in (("pool", "with_pool"), ("nsp", "with_nsp"), ("mlm", "with_mlm"))
             if build.get(key)]  # fmt: skip
    options = {"mask": build["application"]} if "application" in build else {"heads": heads}
    out = playmask.load(ORACLES / "bert4keras" / case, **options | changes)(inputs)
    if case == "bert_encoder":
        return {"hidden": error(out["hidden"], wanted["0"])}
    if "application" in build:
        return {"logits": error(log_softmax(out["logits"]), np.log(wanted["0"]))}
    if "nsp" in heads:
        return {
            "nsp": error(log_softmax(out["nsp"]), np.log(wanted["0"])),
            "logits": error(out["logits"], wanted["1"]),
        }
    return {"logits": error(out["logits"], wanted["0"])}


CASES = ["bert_encoder", "bert_pool_nsp_mlm", "bert_key_size", "bert_lm", "bert_unilm"]


@pytest.mark.parametrize("case", CASES)
def test_equals_bert4keras(case):
    errors = run(case)
    assert all(value < CLOSE for value in errors.values()), errors


NORM = Norm(epsilon=1e-5)  # Hugging Face's default elsewhere; BERT has 1e-12
NEAR_MISSES = {
    "the other gelu": {"activation": "gelu_tanh"},
    "another epsilon": {
        "embedding_norm": NORM,
        "attention_norm": Around(after=NORM),
        "feedforward_norm": Around(after=NORM),
    },
    "no scale": {"attention": playmask.Dot(scale=False)},
}


@pytest.mark.parametrize("miss", NEAR_MISSES)
def test_a_near_miss_fails(miss):
    errors = run("bert_encoder", **NEAR_MISSES[miss])
    assert errors["hidden"] > CLOSE, errors


@pytest.mark.parametrize(
    ("case", "mask"),
    [(c, m) for c in ("bert_lm", "bert_unilm") for m in ("full", "lm", "unilm") if m not in c],
)
def test_another_mask_fails(case, mask):
    assert run(case, mask=mask, heads=["mlm"])["logits"] > FAR


def huggingface(case: str, heads: list[str], **changes) -> tuple[dict, dict]:
    """Load a Hugging Face case; its outputs and the wanted ones."""
    arrays = np.load(ORACLES / "transformers" / case / "case.npz")
    model = playmask.load(ORACLES / "transformers" / case, heads=heads, **changes)
    out = model(
        {
            "tokens": arrays["in:input_ids"].astype("int32"),
            "segments": arrays["in:token_type_ids"].astype("int32"),
            "valid": arrays["in:attention_mask"].astype(bool),
        }
    )
    return out, {name[4:]: arrays[name] for name in arrays.files if name.startswith("out:")}


HUGGINGFACE = {
    ("bert_mlm", "hidden"): "hidden_states:last",
    ("bert_mlm", "logits"): "prediction_logits",
    ("bert_mlm", "nsp"): "seq_relationship_logits",
    ("bert_classifier", "hidden"): "hidden_states:last",
    ("bert_tanh_gelu", "hidden"): "last_hidden_state",
    ("bert_tanh_gelu", "pooled"): "pooler_output",
}
HEADS = {"bert_mlm": ["mlm", "nsp"], "bert_classifier": [], "bert_tanh_gelu": ["pool"]}


@pytest.mark.parametrize(("case", "output"), HUGGINGFACE)
def test_equals_huggingface(case, output):
    out, wanted = huggingface(case, HEADS[case])
    assert error(out[output], wanted[HUGGINGFACE[case, output]]) < CLOSE


def test_the_tanh_gelu_checkpoint_needs_its_gelu():
    out, wanted = huggingface("bert_tanh_gelu", ["pool"], activation="gelu")
    assert error(out["hidden"], wanted["last_hidden_state"]) > CLOSE
