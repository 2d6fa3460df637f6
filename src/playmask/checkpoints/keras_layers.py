"""Weights of Keras 2's layers by names that do not depend on what else the program had built.

Keras numbers the layers inside of a layer through the whole program, so that the same weight is
`Transformer-0-FeedForward/dense_5/kernel` in one file and `…/dense_29/kernel` in another. Here each
layer's own are counted from 1: `Transformer-0-FeedForward/dense_1/kernel`.

Source: bert4keras' layers and models; Keras 2.3.1, `save_weights` and `save`; tf.keras' object
checkpoints
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from playmask.checkpoints.containers import Renamed, Tensors
from playmask.errors import CheckpointError
from playmask.protobuf import parse, submessages

WHOLE = "model_weights/"  # what a whole model's file, with its optimizer, begins its names with
OPTIMIZER = "optimizer_weights"
KERAS_3 = re.compile(r"(^|/)vars/\d+$")
CONDITIONED = {
    ("beta", "gamma"): ("beta_dense", "gamma_dense"),
    ("gamma",): ("gamma_dense",),
    ("beta",): ("beta_dense",),
}
"""What a norm's weights are made of by its condition, in bert4keras' order and words; a layer that
the condition passes first, `hidden_dense`, stands before them."""

OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


class LayerWeight(NamedTuple):
    """A weight's layer, the layers inside of that which it is of, and its own name."""

    layer: str
    inner: str
    weight: str


def by_layers(path: Path, tensors: Tensors) -> Renamed:
    """The tensors of an HDF5 file by the layers' names.

    Raises: CheckpointError for what Keras 3 wrote, whose layers have no names there
    """
    if any(map(KERAS_3.search, tensors)):
        raise CheckpointError(
            f"{path} was written by Keras 3's save_weights, which names no layers; make the same "
            "model and call its load_weights, or save it with playmask.save or task.save."
        )
    whole = any(name.startswith(WHOLE) for name in tensors)
    names = {name: name.removeprefix(WHOLE) if whole else name for name in tensors}
    return Renamed(path, tensors, _renamed({old: _in_group(new) for old, new in names.items()}))


def by_objects(path: Path, tensors: Tensors, graph: bytes) -> Renamed:
    """The tensors of a tf.keras object checkpoint by the layers' names, from its object graph."""
    names = dict.fromkeys(tensors, "")
    for node in submessages(parse(graph), 1):
        for attribute in submessages(parse(node), 2):
            message = parse(attribute)
            full, key = (b"".join(submessages(message, i)).decode() for i in (2, 3))
            if key in names and ".OPTIMIZER_SLOT" not in key and key.endswith(VALUE):
                names[key] = full
    parts = {}
    for key, full in names.items():
        layer, *inner = (full or key).split("/")
        layer = re.sub(r"(-.*)_\d+$", r"\1", layer)  # as bert4keras calls none: built once more
        named = full and inner and not key.startswith(("optimizer/", "save_counter/"))
        parts[key] = LayerWeight(layer, "/".join(inner[:-1]), inner[-1]) if named else None
    return Renamed(path, tensors, _renamed(parts))


def _in_group(name: str) -> LayerWeight | None:
    """The parts of the name of a dataset, whose group has the layer's name.

    Where the program built a layer of that name before, the variables' names have a number behind
    it; where a model is a layer of another, its layers' names stand inside of the group.
    """
    layer, *inner = name.split(":")[0].split("/")
    if not inner or layer == OPTIMIZER:
        return None
    if len(inner) > 1 and re.fullmatch(rf"{re.escape(layer)}(_\d+)?", inner[0]):
        inner = inner[1:]
    elif len(inner) > 1 and "-" in inner[0]:
        layer, *inner = inner
    return LayerWeight(layer, "/".join(inner[:-1]), inner[-1])


def _renamed(parts: Mapping[str, LayerWeight | None]) -> dict[str, str]:
    """Names here of names there; what is no layer's weight stays as it is called."""
    layers: dict[str, list[LayerWeight]] = {}
    for part in parts.values():
        if part is not None:
            layers.setdefault(part.layer, []).append(part)
    inner = {layer: _inner(weights) for layer, weights in layers.items()}
    names: dict[str, str] = {}
    for old, part in parts.items():
        new = old
        if part is not None:
            new = "/".join(filter(None, (part.layer, inner[part.layer][part.inner], part.weight)))
        if new in names:
            raise CheckpointError(f"Both {names[new]!r:.200} and {old!r:.200} are {new!r:.200}.")
        names[new] = old
    return names


def _inner(weights: Iterable[LayerWeight]) -> dict[str, str]:
    """What the layers inside of a layer are called here."""
    weights = list(weights)
    own = tuple(sorted(each.weight for each in weights if not each.inner))
    ordered = sorted({each.inner for each in weights if each.inner}, key=natural)
    if own in CONDITIONED and len(ordered) <= 1 + len(CONDITIONED[own]):
        words = ("hidden_dense", *CONDITIONED[own])[-len(ordered) :]
        return {"": "", **dict(zip(ordered, words, strict=False))}
    counts: dict[str, int] = {}
    names = {"": ""}
    for each in ordered:
        base = re.sub(r"_\d+$", "", each)
        counts[base] = counts.get(base, 0) + 1
        names[each] = f"{base}_{counts[base]}"
    return names


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers in names by their size, and names without one first."""
    parts = re.split(r"_?(\d+)", name)
    return [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)]
