"""What can be exported, as cells: a family or a part, and a form; and the table of the page."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from comparing import filled
from families.small import small, traits
from laboratory import ENCODING, FOLLOWING, OPEN
from playmask.families import FAMILIES
from playmask.model.masks import Window
from playmask.model.transformer import Transformer

FORMS = ("whole", "cached")
MASKS: dict[str, dict[str, Any]] = {
    "full": {"mask": "full"},
    "lm": {"mask": "lm"},
    "unilm": {"mask": "unilm"},
    "turns": {"mask": "turns"},
    "window": {"mask": Window(3)},
}
LABORATORY = FOLLOWING | ENCODING | OPEN
SAMPLES = (
    "random+dense+dot", "dynamic", "talking_others", "residual", "disentangled_grouped",
    "pseudo_self", "linformer",
)  # fmt: skip
"""Parts that need, together, every operation that a part needs."""


def _of_part(name: str) -> dict[str, Any]:
    return {"mask": "full" if name in ENCODING else "lm", **LABORATORY[name]}


class Kind(NamedTuple):
    """A kind of rows: their names, the architecture of each, and what each is an example of."""

    names: tuple[str, ...]
    architecture: Callable[[str], Any]
    traits: Callable[[str], tuple[Any, ...]]


PARTS = {
    "family": Kind(tuple(FAMILIES), small, traits),
    "mask": Kind(tuple(MASKS), lambda name: small("bert", **MASKS[name]), lambda name: (name,)),
    "part": Kind(
        tuple(LABORATORY),
        lambda name: small("bert", **_of_part(name)),
        lambda name: (name,) if name in SAMPLES else (),
    ),
}
WHOLE = "mixes the whole text, so there is no cache for it"
FULL = "the order 'full' cannot go on from a cache"


@cache
def model_of_cell(kind: str, name: str) -> Transformer:
    """A small model of a row, with random weights and a vocabulary head."""
    return filled(PARTS[kind].architecture(name), ("mlm",))


def _reason(kind: str, name: str, form: str) -> str | None:
    """Why a cell cannot be exported, in the words of the error; None where it can."""
    if form == "whole":
        return None
    a = PARTS[kind].architecture(name)
    if any(part.orders is not None for part in a.content):
        return WHOLE
    decoding = a if a.decoder is None else a.decoding
    return FULL if decoding.order == "full" else None


def _rows() -> Iterator[tuple[str, str, str]]:
    for kind, rows in PARTS.items():
        for name in rows.names:
            for form in FORMS:
                yield kind, name, form


CELLS = {row: _reason(*row) for row in _rows()}
"""Each cell, and why it cannot be exported."""


def table() -> str:
    """The table of the page."""
    says = {None: "yes", WHOLE: f"no: {WHOLE}", FULL: f"no: {FULL}"}
    lines = ["| | | as a whole | with a cache |", "|---|---|---|---|"]
    for kind, rows in PARTS.items():
        for name in rows.names:
            cells = (says[CELLS[kind, name, form]] for form in FORMS)
            lines.append(f"| {kind} | {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
