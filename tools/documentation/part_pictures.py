"""Pictures of parts: the numbers that their own hooks give for a toy text."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from documentation.pictures import Panel, host, panels
from documentation.svg import WIDE, cells, picture, text
from playmask.model.masks import Ordered, SameText, Sites, Strict, Window
from playmask.model.parts import (
    Buckets,
    Hierarchical,
    LightConvolution,
    LinearScaling,
    Nezha,
    Part,
    Rotary,
    Sinusoidal,
)
from playmask.model.parts.alibi import AlibiOf, slopes
from playmask.model.parts.part import Look

LENGTH, CELL = 24, 6


def sites(length: int = LENGTH) -> Sites:
    """A text without padding, which all sites may see."""
    place, zeros = np.arange(length, dtype="int32")[None], np.zeros((1, length), "int32")
    return Sites(*map(ops.convert_to_tensor, (zeros, place, zeros)))


def heat(title: str, each: Sequence[tuple[str, Any]], size: float = CELL) -> str:
    """Matrices side by side; the strongest number of all has the full colour."""
    marks, high = [], 0.0
    grids = [np.asarray(ops.convert_to_numpy(values), "float32") for _, values in each]
    most = max(np.abs(grid).max() for grid in grids)
    for number, ((name, _), grid) in enumerate(zip(each, grids, strict=True)):
        x = 16 + number * (WIDE / 2 - 2)
        marks.append(text(x, 22, name, "ink mono", size=11))
        marks.append(cells(x, 32, grid / most, size))
        high = max(high, 32 + len(grid) * size + 14)
    return picture(title, high, marks)


def alibi() -> str:
    """The biases of two of four heads."""
    found = AlibiOf(slopes(4)).bias(sites(), sites())[0]
    return heat(
        "Alibi", [(f"head {head}: {-slopes(4)[head]:g} |i - j|", found[head]) for head in (0, 1)]
    )


def buckets() -> str:
    """The bucket of each distance, as a shade."""
    place = np.arange(LENGTH)
    away = ops.convert_to_tensor(place[None] - place[:, None])
    both, back = Buckets(16, 20), Buckets(16, 20, bidirectional=False)
    return heat("Buckets", [("bidirectional", 1 + both.of(away)), ("back only", 1 + back.of(away))])


def _scores(part: Part, size: int = 32) -> Any:
    """What a part makes of the dot product of queries and keys that are all alike."""
    alike = ops.ones((1, 1, LENGTH, size))
    q = k = part.rotate(alike, sites())
    look = Look(alike[:, 0], q, k, sites(), sites(), None)
    scores = part.logits(look)
    return (ops.matmul(q, ops.swapaxes(k, 2, 3)) if scores is None else scores)[0, 0]


def nezha() -> str:
    """The term of the scores, for a query of ones."""
    return heat("Nezha", [(f"Nezha(clip={clip})", _scores(Nezha(clip))) for clip in (4, 64)])


def rotary() -> str:
    """The score of a vector with itself, at any two places."""
    scaled = Rotary(scaling=LinearScaling(4.0))
    return heat(
        "Rotary", [("Rotary()", _scores(Rotary())), ("LinearScaling(4.0)", _scores(scaled))]
    )


def sinusoidal() -> str:
    """The vectors that are added: a row for each position."""
    place = ops.convert_to_tensor(np.arange(LENGTH)[None])
    tables = [
        Sinusoidal(halves=halves).table(LENGTH, name="positions", dtype="float32")(place)[0]
        for halves in (False, True)
    ]
    return heat("Sinusoidal", [("Sinusoidal()", tables[0]), ("halves=True", tables[1])])


def hierarchical() -> str:
    """How much of each of four rows of the table a position takes: 16 positions, left to right."""
    table = Hierarchical(size=4).table(4, name="positions", dtype="float32")
    table.build(None)
    table.weights[0].assign(np.eye(4, dtype="float32"))
    taken = table(ops.convert_to_tensor(np.arange(16)[None]))[0]
    return heat("Hierarchical", [("Hierarchical(size=4)", ops.transpose(taken))], 20)


def convolution() -> str:
    """The keys that it reaches."""
    found = [
        (
            f"LightConvolution{sides}",
            LightConvolution(*sides).make(host()).reach(sites(), sites())[0],
        )
        for sides in ((3, 3), (6, 0))
    ]
    return heat("LightConvolution", found)


def masks() -> str:
    """A block that sees all and others that see near tokens, packed texts, and a query stream."""
    return panels(
        (
            Panel("0: Ordered()", order="full"),
            Panel("rest: & Window(2)", Ordered() & Window(2), "full"),
            Panel("& SameText()", Ordered() & SameText(), texts=(0, 0, 0, 1, 1, 2, 2)),
            Panel("Strict()", Strict()),
        ),
        "masks",
    )


PICTURES: dict[str, Callable[[], str]] = {
    "Alibi": alibi,
    "Buckets": buckets,
    "Nezha": nezha,
    "Rotary": rotary,
    "Sinusoidal": sinusoidal,
    "Hierarchical": hierarchical,
    "LightConvolution": convolution,
    "masks": masks,
}
"""The pictures by the names of their parts."""
