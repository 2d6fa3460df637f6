"""Saving a model in playmask's own format, or back in the dialect it was published in."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np

from playmask.checkpoints import bundle, safetensors
from playmask.checkpoints.containers import replacing
from playmask.checkpoints.plan import OURS, dialect_of
from playmask.checkpoints.report import Report
from playmask.checkpoints.source import ARCHITECTURE, WEIGHTS
from playmask.errors import CheckpointError, nearest
from playmask.families import FAMILIES
from playmask.families.names import Dialect, Rule
from playmask.transformer import Transformer, weights_by_name

TENSORFLOW_PREFIX = "bert_model.ckpt"
MARKERS = {
    "playmask": ARCHITECTURE,
    "google": f"{TENSORFLOW_PREFIX}.index",
    "huggingface": "model.safetensors",
}
"""The file that tells each dialect's directory."""


def save(
    model: Transformer, directory: str | Path, dialect: str = "playmask", *, tokenizer: Any = None
) -> Path:
    """Save a model, and its tokenizer where it has one, into a directory.

    dialect: "playmask" (architecture.json, weights.safetensors, tokenizer.json), "google"
    (bert_config.json, a TensorFlow checkpoint, vocab.txt) or "huggingface" (config.json,
    model.safetensors, vocab.txt). In the dialect a model was loaded from, each tensor gets the
    name and the dtype it had there, so that save(load(x)) == x bit for bit.
    Raises: CheckpointError for an unknown dialect, a weight that it has no name for, a choice
    that its configuration cannot express, or a directory that holds another dialect
    """
    directory = Path(directory)
    dialects = {"playmask": OURS, **FAMILIES[model.architecture.family].dialects}
    if dialect not in dialects:
        raise CheckpointError(
            f"The family {model.architecture.family!r} has no dialect {dialect!r}."
            f"{nearest(dialect, dialects)}"
        )
    _check_place(directory, dialect)
    config = _config(model, dialect)
    tensors = named_tensors(model, dialects[dialect])
    tokenizer = tokenizer or model.tokenizer
    make_directory(directory)
    if dialect == "google":
        bundle.write(directory / TENSORFLOW_PREFIX, tensors)
        write_json(directory / "bert_config.json", config)
    elif dialect == "huggingface":
        safetensors.write(directory / "model.safetensors", tensors, metadata={"format": "pt"})
        write_json(directory / "config.json", config)
    else:
        safetensors.write(directory / WEIGHTS, tensors)
        write_json(directory / ARCHITECTURE, config)
    if tokenizer is not None:
        tokenizer.save(directory, vocab=dialect != "playmask")
    return directory


def describe(model: Transformer) -> dict[str, Any]:
    """The content of architecture.json."""
    return {
        "format": 1,
        "architecture": model.architecture.to_json(),
        "heads": list(model.head_names),
    }


def named_tensors(model: Transformer, dialect: Dialect) -> dict[str, np.ndarray]:
    """All weights of a model under the names, in the layout and the dtype of a dialect."""
    origin = _origin(model.report, dialect)
    pieces: dict[str, list[tuple[Rule, np.ndarray, np.dtype]]] = {}
    for ours, variable in weights_by_name(model).items():
        rule, names = _named(ours, dialect)
        value = np.asarray(keras.ops.convert_to_numpy(variable.value))
        name, dtype = origin.get(ours, (names[0], value.dtype))
        pieces.setdefault(name, []).append((rule, value, dtype))
    return {name: _joined(name, found, dialect) for name, found in pieces.items()}


def _joined(
    name: str, found: list[tuple[Rule, np.ndarray, np.dtype]], dialect: Dialect
) -> np.ndarray:
    """One tensor from the weight, or from the pieces, that it is made of."""
    rule, _, dtype = found[0]
    found = sorted(found, key=lambda item: item[0].piece or (0, 1))
    values = [value for _, value, _ in found]
    if rule.piece is not None and len({value.shape for value in values}) > 1:
        raise CheckpointError(
            f"{dialect.name!r} stores {name} as {rule.piece[1]} equal pieces, but this model's are "
            f"{', '.join(str(value.shape) for value in values)}; save as 'playmask'."
        )
    return np.ascontiguousarray(_cast_if_exact(rule.write(values), dtype))


def _origin(report: Report | None, dialect: Dialect) -> dict[str, tuple[str, np.dtype]]:
    """Under which name and dtype each weight was loaded, where it came from this dialect."""
    if report is None or dialect_of(report) is not dialect:
        return {}
    return {item.ours: (item.theirs, item.dtype) for item in report.loaded}


def _named(ours: str, dialect: Dialect) -> tuple[Rule, list[str]]:
    hit = (Rule(ours, ours), [ours]) if dialect is OURS else dialect.rule_for(ours)
    if hit is None:
        raise CheckpointError(
            f"The dialect {dialect.name!r} has no name for {ours}; save as 'playmask'."
        )
    return hit


def _cast_if_exact(value: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Store in the dtype a tensor was loaded from, if that loses nothing."""
    if value.dtype == dtype or not _is_float(dtype):
        return value
    cast = value.astype(dtype)
    return cast if np.array_equal(cast.astype(value.dtype), value) else value


def _is_float(dtype: np.dtype) -> bool:
    return np.issubdtype(dtype, np.floating) or dtype == ml_dtypes.bfloat16


def _config(model: Transformer, dialect: str) -> dict[str, Any]:
    """The configuration of a dialect: the original one where it was loaded, brought up to date."""
    if dialect == "playmask":
        return describe(model)
    architecture, report = model.architecture, model.report
    family = FAMILIES[architecture.family]
    config: dict[str, Any] = {}
    if report is not None and report.dialect == dialect:
        config = dict(report.config)
        if report.architecture == architecture:
            return config
    config |= family.configuration.write(architecture, dialect)
    # The order and the mask are chosen when a checkpoint is loaded, not stored in it.
    told = family.configuration.read(config, config).change(order=architecture.order)
    told = told.change(mask=architecture.mask)
    lost = [f.name for f in fields(told) if getattr(told, f.name) != getattr(architecture, f.name)]
    if lost:
        raise CheckpointError(
            f"The configuration of {dialect!r} cannot express this model's {', '.join(lost)}; "
            "save as 'playmask'."
        )
    return config


def _check_place(directory: Path, dialect: str) -> None:
    """Refuse a directory in which another dialect would be found first, or left behind."""
    for other, marker in MARKERS.items():
        if other != dialect and (directory / marker).exists():
            raise CheckpointError(
                f"{directory} already holds a checkpoint of the dialect {other!r} ({marker}); "
                "give another directory."
            )


def make_directory(directory: Path) -> None:
    """Make a directory to save into; raises CheckpointError where a file has its name."""
    if directory.exists() and not directory.is_dir():
        raise CheckpointError(f"{directory} is a file; a model is saved into a directory.")
    directory.mkdir(parents=True, exist_ok=True)


def write_json(file: Path, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    with replacing(file) as (beside,):
        beside.write_text(text, encoding="utf-8")
