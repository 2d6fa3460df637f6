"""Models, architectures and reports of loads, from shapes and names alone."""

import dataclasses
import math
from itertools import groupby
from typing import Any

import ml_dtypes as ml_dtypes  # makes NumPy know bfloat16 by its name
import numpy as np

from playmask.checkpoints.load_report import Report
from playmask.inspection.notebook.fragments import (
    Fragment,
    Html,
    element,
    fields,
    fold,
    joined,
    notes,
    table,
)
from playmask.inspection.wording import bytes_in_words, choice_in_words, counted
from playmask.model.architecture import Architecture
from playmask.model.transformer import Transformer, weights_by_name

STACKS = ("blocks", "decoder")


def model(value: Transformer) -> Fragment:
    """A Transformer: its size, its parts, its architecture, its weights and where they are from."""
    weights = weights_by_name(value)
    a = value.architecture
    count = sum(math.prod(weight.shape) for weight in weights.values())
    stored = sum(
        math.prod(weight.shape) * np.dtype(weight.dtype).itemsize for weight in weights.values()
    )
    facts = [
        ("size", f"{count:,} parameters, {bytes_in_words(stored)}"),
        ("dtype", value.dtype_policy.name),
        ("heads", ", ".join(value.heads) or "none"),
        ("tokenizer", _tokenizer(value.tokenizer)),
    ]
    if value.quantized:
        facts.append(("quantised", value.quantized))
    if value.adapters:
        facts.append(("adapters", str(value.adapters)))
    rows = [(n, tuple(w.shape), str(w.dtype), math.prod(w.shape)) for n, w in weights.items()]
    heads = ("name", "shape", "dtype", "parameters")
    inside = [
        fields(facts),
        table(_parts(weights), "parts", head=("part", "weights", "parameters")),
        fold("architecture", architecture(a).body),
        fold(f"{len(rows)} weights", table(rows, "weights", head=heads)),
    ]
    if isinstance(value.report, Report):
        about = report(value.report)
        inside.append(fold(joined(["load: ", _counts(value.report)]), about.body))
    return Fragment("Transformer", _line(a), joined(inside))


def _line(a: Architecture) -> str:
    """An architecture in one line."""
    deep = f"{a.depth} blocks" if a.decoder is None else f"{a.depth} + {a.decoder.depth} blocks"
    return f"{a.family}, {deep}, width {a.width}, {a.attention_heads} heads, {a.order}"


def _tokenizer(tokenizer: Any) -> str:
    if tokenizer is None:
        return "none"
    return f"{tokenizer.algorithm.name}, {len(tokenizer):,} tokens"


def _parts(weights: dict[str, Any]) -> list[tuple[str, int, int]]:
    """The parts of a model with their weights and parameters; equal blocks are one row."""
    sizes: dict[tuple[str, int | None], tuple[int, int]] = {}
    for name, weight in weights.items():
        part, _, rest = name.partition("/")
        number = rest.partition("/")[0] if part in STACKS else ""
        key = part, int(number) if number.isdigit() else None
        tensors, count = sizes.get(key, (0, 0))
        sizes[key] = tensors + 1, count + math.prod(weight.shape)
    rows = []
    for (part, size, _), group in groupby(sizes.items(), _kind):
        numbers = [number for (_, number), _ in group]
        rows.append((_named(part, numbers), len(numbers) * size[0], len(numbers) * size[1]))
    return rows


def _kind(item: tuple[tuple[str, int | None], tuple[int, int]]) -> tuple[str, Any, bool]:
    """What blocks that stand in one row have in common."""
    (part, number), size = item
    return part, size, number is None


def _named(part: str, numbers: list[int | None]) -> str:
    if numbers[0] is None:
        return part
    return f"{part} {numbers[0]}" + (f"–{numbers[-1]}" if len(numbers) > 1 else "")


def architecture(value: Architecture) -> Fragment:
    """The choices that are not the usual ones, and behind a fold those that are."""
    pairs = [(each, getattr(value, each.name)) for each in dataclasses.fields(value)]
    usual = [(each.name, choice_in_words(v)) for each, v in pairs if v == each.default]
    own = [(each.name, choice_in_words(v)) for each, v in pairs if v != each.default]
    body = joined([fields(own), fold(f"{len(usual)} as usual", fields(usual))])
    return Fragment("Architecture", _line(value), body)


def report(value: Report) -> Fragment:
    """What a load guessed and what is fresh; behind folds what was ignored and what was loaded."""
    fresh = [(each.ours, tuple(each.shape), each.reason) for each in value.fresh]
    ignored = [(each.theirs, each.reason) for each in value.ignored]
    loaded = [
        (each.ours, each.theirs, tuple(each.shape), str(each.dtype), each.note)
        for each in value.loaded
    ]
    source = [("path", value.path), ("family", value.family), ("dialect", value.dialect)]
    tables = (
        ("fresh", fresh, ("weight", "shape", "why")),
        ("ignored", ignored, ("tensor", "why")),
        ("loaded", loaded, ("weight", "tensor", "shape", "stored as", "")),
    )
    folds = (
        fold(f"{len(rows):,} {name}", table(rows, name, head=head))
        for name, rows, head in tables
        if rows
    )
    body = joined([fields(source), notes(value.notes), *folds])
    return Fragment("Report", _counts(value), body)


def _counts(value: Report) -> Html:
    fresh = f"{len(value.fresh)} fresh"
    return joined(
        [
            f"{counted(len(value.loaded), 'weight')} loaded, ",
            element("b", fresh) if value.fresh else fresh,
            f", {counted(len(value.ignored), 'tensor')} ignored",
        ]
    )
