"""Answers of tasks: a label with probabilities, and records of a few fields."""

from collections.abc import Sequence
from typing import Any

from playmask.inspection.notebook.fragments import (
    Fragment,
    Html,
    beginning,
    element,
    joined,
    table,
)

LABELS, WIDE = 10, 12.0  # labels of a prediction; em: the bar of a probability of 1


def prediction(value: Any) -> Fragment:
    """A label, or several, above the most probable labels with a bar each."""
    chosen = value.labels if hasattr(value, "labels") else (value.label,)
    order = sorted(value.probabilities.items(), key=lambda each: -each[1])
    first, more = beginning(order, LABELS, "labels")
    rows = [
        (element("b", label) if label in chosen else label, _bar(share), float(share))
        for label, share in first
    ]
    names = joined(element("b", f"{label} ") for label in chosen) if chosen else "no label"
    return Fragment(type(value).__name__, names, joined([table(rows), more]))


def _bar(share: float) -> Html:
    """A bar as long as a probability."""
    return element("span", class_="bar", style=f"width: {WIDE * min(max(share, 0), 1):.2f}em")


def record(value: Any) -> Fragment:
    """One record."""
    return records([value])


def records(values: Sequence[Any]) -> Fragment:
    """Records of one kind as a table, a row each."""
    names = values[0]._fields
    rows = [[_field(getattr(value, name)) for name in names] for value in values]
    kind = type(values[0]).__name__
    count = f"{len(values):,} of them" if len(values) > 1 else ""
    return Fragment(kind, count, table(rows, "rows", head=names))


def _field(value: Any) -> Any:
    """A field; the parts of one that has some, without their class."""
    if isinstance(value, (int, float, str)):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{name}: {len(spans)}" for name, spans in value.items())
    return ", ".join(str(tuple(each)) if isinstance(each, tuple) else str(each) for each in value)
