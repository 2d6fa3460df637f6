"""Sentences that encoders learn from: texts alone, pairs, scored pairs, pairs with negatives."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.columns import NAMES, PLAIN, WEIGHTS, Columns, Layout, pick
from playmask.data.examples import Example, Examples
from playmask.data.gathering import BadExample, filled
from playmask.data.readers import Plan, example_of, read_by

MOST = 16  # columns of negatives


class Contrasted(NamedTuple):
    """A text, one that is similar to it, and texts that are not; label: the pair's score."""

    text: str
    pair: str
    label: Any = None
    negatives: tuple[str, ...] = ()


Sentences = Example | Contrasted


def negatives_of(example: Sentences) -> tuple[str, ...]:
    """The texts that are not similar to an example's text."""
    return example.negatives if isinstance(example, Contrasted) else ()


NUMBERED = {
    f"negative_{i}": (f"negative_{i}", f"neg_{i}", f"hard_negative_{i}") for i in range(1, MOST + 1)
}
LAYOUT = PLAIN._replace(
    names={
        "text": (*NAMES["text"], "anchor"),
        "pair": (*NAMES["pair"], "positive", "pos", "positives"),
        "label": NAMES["label"],
        "negative": ("negative", "negatives", "neg", "hard_negative", "hard_negatives"),
        **NUMBERED,
        **WEIGHTS,
    }
)
"""What files call texts, pairs and negatives; sentence-transformers and FlagEmbedding too."""


class _Group(NamedTuple):
    """What stands in a line: a text, those that are similar to it, and those that are not."""

    text: str
    pairs: tuple[str | None, ...]
    label: Any
    negatives: tuple[str, ...]


def read_sentences(
    path: str | Path, *, columns: Columns = None, skip_bad: bool = False
) -> Examples[Sentences]:
    """Read texts, perhaps with similar ones, scores and negatives, from a table or JSON lines.

    A .txt holds a text a line. Negatives are columns with a name (`negative`, `negative_1`, …), in
    JSON lists too; a list of similar texts makes an example of each.
    Raises: DataError naming file and line
    """
    plan = Plan(LAYOUT, None, columns, None, skip_bad, lines=columns is None)
    groups: Any = read_by(Path(path), plan, _group)[0]
    pairs = [(number, pair) for number, group in enumerate(groups) for pair in group.pairs]
    numbers = [number for number, _ in pairs]
    each: Examples[Sentences] = groups.chosen(numbers).replaced(
        Contrasted(group.text, pair, group.label, group.negatives)
        if group.negatives and pair is not None
        else Example(group.text, pair, group.label)
        for group, pair in ((groups[number], pair) for number, pair in pairs)
    )
    each.skipped, each.notes = groups.skipped, groups.notes
    return each


def _group(fields: Mapping[str, Any], *, layout: Layout, labels: Collection[str] | None) -> _Group:
    names = layout.names
    listed = pick(fields, names["pair"])
    pairs: tuple[str | None, ...] | None = None
    if isinstance(listed, list):
        pairs = tuple(filled(pair, "pair") for pair in listed)
        fields = {name: value for name, value in fields.items() if value is not listed}
    example = example_of(fields, layout=layout, labels=labels)
    negatives = tuple(
        filled(text, "negative")
        for field in ("negative", *NUMBERED)
        for text in _texts(pick(fields, names[field]))
    )
    pairs = (example.pair,) if pairs is None else pairs
    if negatives and not any(pairs):
        raise BadExample("There are negatives but no pair; a text's pair is due beside them.")
    return _Group(example.text, pairs or (None,), example.label, negatives)


def _texts(value: Any) -> list[Any]:
    """One text, or several; none where a cell is empty."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    return value if isinstance(value, list) else [value]
