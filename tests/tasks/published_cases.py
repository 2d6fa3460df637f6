"""The original programs' models with heads: what each becomes, and how its outputs are compared."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from families.oracles import INPUTS, ORACLES
from playmask.checkpoints import safetensors

FOLDER = ORACLES / "transformers5"
CASES = {
    "head_albert_sequence": "classify",
    "head_albert_token": "tag",
    "head_bert_multilabel": "classify",
    "head_bert_question": "read",
    "head_bert_regression": "regress",
    "head_bert_sequence": "classify",
    "head_bert_token": "tag",
    "head_deberta_sequence": "classify",
    "head_distilbert_sequence": "classify",
    "head_electra_sequence": "classify",
    "head_electra_token": "tag",
    "head_ernie_sequence": "classify",
    "head_modernbert_sequence": "classify",
    "head_roberta_sequence": "classify",
    "head_roberta_token": "tag",
    "head_roformer_sequence": "classify",
    "head_xlmr_reranker": "rerank",
}
"""The task that each becomes."""

RERANKERS = {
    name: ORACLES / "sentence_transformers" / name for name in ("reranker_bert", "reranker_xlmr")
}
WEIGHTS = "model.safetensors"


def values_of(case: str) -> Any:
    """The original's inputs and outputs."""
    return np.load(FOLDER / case / "case.npz")


def inputs_of(case: str) -> dict[str, np.ndarray]:
    """The inputs of a network."""
    values = values_of(case)
    named = {INPUTS[name[3:]]: values[name] for name in values if name.startswith("in:")}
    return {n: array.astype("bool" if n == "valid" else "int32") for n, array in named.items()}


def outputs_of(case: str) -> np.ndarray:
    """The original's logits: of texts (B, labels), of tokens that are no padding (n, labels)."""
    values = values_of(case)
    if "out:logits" in values:
        logits = values["out:logits"]
    else:
        logits = np.stack([values["out:start_logits"], values["out:end_logits"]], axis=-1)
    return logits if logits.ndim == 2 else logits[inputs_of(case)["valid"]]


def logits_of(network: Any, case: str) -> Any:
    """A network's logits, as `outputs_of` has them; of a reader those of both ends."""
    inputs = inputs_of(case)
    if CASES[case] == "read":
        logits = network.dense(network.transformer(inputs)["hidden"])
    else:
        logits = network(inputs)["logits"]
    logits = ops.convert_to_numpy(logits)
    return logits if logits.ndim == 2 else logits[inputs["valid"]]


def config_in(folder: Path) -> dict[str, Any]:
    """The configuration in a folder."""
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def tensors_in(folder: Path) -> dict[str, np.ndarray]:
    """The tensors in a folder."""
    stored = safetensors.read(folder / WEIGHTS)
    return {name: np.array(stored[name]) for name in stored}


def changed(source: Path, folder: Path, tensors: Any = dict, **config: Any) -> Path:
    """A copy of a case with other keys of its configuration (None: without it), or tensors."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy)
    stored = {k: v for k, v in {**config_in(copy), **config}.items() if v is not None}
    (copy / "config.json").write_text(json.dumps(stored), encoding="utf-8")
    safetensors.write(copy / WEIGHTS, tensors(tensors_in(copy)))
    return copy
