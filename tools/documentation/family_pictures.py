"""A picture of all families: what each one's usual architecture has."""

from collections.abc import Callable
from itertools import groupby

import numpy as np

from documentation.parts import within
from documentation.svg import WIDE, cells, path, picture, text
from playmask.families import FAMILIES
from playmask.model import parts
from playmask.model.architecture import Architecture
from playmask.model.norms import Around, Norm

Has = Callable[[Architecture], bool]
CELL, LEFT, TOP, GAP = 12, 118, 104, 6


def holds(kind: type, has: Callable) -> Has:
    """Whether an architecture, or a part of it, holds a recipe of a kind."""
    return lambda a: any(type(each) is kind and has(each) for each in within(a))


POSITIONS: dict[str, Has] = {
    name: holds(getattr(parts, name), lambda part: True)
    for name in ("Learned", "Sinusoidal", "Rotary", "Nezha", "Buckets", "Disentangled",
                 "TransformerXl")
}  # fmt: skip
BLOCKS: dict[str, Has] = {
    "norm before": holds(Around, lambda norm: norm.before is not None),
    'kind="rms"': holds(Norm, lambda norm: norm.kind == "rms"),
    "gate": lambda a: a.gate is not None,
    "Gated()": lambda a: isinstance(a.projections, parts.Gated),
    "key_value_heads": lambda a: a.key_value_heads is not None,
    "bias=False": lambda a: a.bias is False,
}
WHOLE: dict[str, Has] = {
    'order="lm"': lambda a: a.order == "lm",
    "decoder": lambda a: a.decoder is not None,
    "sharing": lambda a: a.sharing != "none",
    "embedding_size": lambda a: a.embedding_size not in (None, a.width),
    "segments": lambda a: a.segments != 0,
}
COLUMNS = [
    (group, name, has)
    for group, table in enumerate((POSITIONS, BLOCKS, WHOLE))
    for name, has in table.items()
]


def families() -> str:
    """A row for each family; columns are positions, what is in a block, and the whole."""
    each = list(FAMILIES.values())
    grid = np.array([[has(family.base) for _, _, has in COLUMNS] for family in each])
    marks, x = [], float(LEFT)
    for _, group in groupby(enumerate(COLUMNS), key=lambda column: column[1][0]):
        places = [place for place, _ in group]
        marks.append(cells(x, TOP, grid[:, places], CELL))
        for place in places:
            name = COLUMNS[place][1]
            marks.append(text(x + 9, TOP - 6, name, "ink mono", size=10.5, turned=True))
            x += CELL
        x += GAP
    for row, name in enumerate(FAMILIES):
        y = TOP + row * CELL
        marks.append(text(LEFT - 8, y + 9.5, name, "ink mono", at="end", size=10.5))
        if row and row % 5 == 0:
            marks.append(path(f"M10,{y - 0.5:g}H{x - GAP - 1:g}", "faint"))
    assert x - GAP < WIDE
    return picture("families", TOP + len(each) * CELL + 10, marks)


PICTURES = {"families": families}
