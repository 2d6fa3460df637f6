"""Runs in an environment of transformers and sentence-transformers: prints what these compute.

Arguments: folders of models. Beside each lies inputs.npz, of ids, or pairs.json, of texts.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers


def outputs(folder: Path) -> dict[str, list]:
    """The outputs of the class that a folder declares; none of its tensors may be odd."""
    name = json.loads((folder / "config.json").read_text(encoding="utf-8"))["architectures"][0]
    model, info = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
    odd = {key: list(value) for key, value in info.items() if value}
    assert not odd, f"{folder}: {odd}"
    inputs = {name: torch.from_numpy(a) for name, a in np.load(folder / "inputs.npz").items()}
    with torch.no_grad():
        result = model.eval()(**inputs)
    return {name: value.tolist() for name, value in result.items() if "logits" in name}


def scores(folder: Path) -> dict[str, list]:
    """The scores of a cross-encoder."""
    from sentence_transformers import CrossEncoder

    pairs = json.loads((folder / "pairs.json").read_text(encoding="utf-8"))
    encoder = CrossEncoder(str(folder), device="cpu")
    return {"scores": encoder.predict(pairs).tolist(), "length": [encoder.max_seq_length]}


for path in map(Path, sys.argv[1:]):
    print(json.dumps(scores(path) if (path / "pairs.json").exists() else outputs(path)))
