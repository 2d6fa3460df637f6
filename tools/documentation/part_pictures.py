"""Pictures of parts: which steps of an attention each changes, and what its hooks give."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from documentation.pictures import EXAMPLES, STEPS, Panel, hooks, host, panels
from documentation.svg import WIDE, box, cells, path, picture, text
from playmask.model.masks import Ordered, SameText, Sites, Strict, Window
from playmask.model.parts import (
    Buckets,
    ContextAttention,
    Hierarchical,
    Joined,
    LightConvolution,
    LinearScaling,
    Mixer,
    Nezha,
    Part,
    Projections,
    PseudoSelf,
    Rotary,
    Sinusoidal,
)
from playmask.model.parts.alibi import AlibiOf, slopes
from playmask.model.parts.part import Look

LENGTH, CELL = 24, 6

CONTEXT = "context"
BESIDES = (
    (Projections, {"projections": "projections", "output": "gate"}),
    (Mixer, {"mixer": "mixer"}),
    (PseudoSelf, {"condense": CONTEXT}),  # its keys and values stand in front of the text's
    (ContextAttention, {CONTEXT: CONTEXT}),
)
"""What those parts change that have no hooks: steps of STEPS, or CONTEXT, with their labels."""
SYMBOLS = (*((hook, formula.partition(" = ")[0]) for hook, formula, _ in STEPS), (CONTEXT, "+ c"))
"""The steps of an attention, and what is added behind it of a context."""
LETTER, GAP = 6.3, 4.0  # of code at SMALL; between boxes
SMALL = 10.5
AIR = (WIDE - 20 - GAP * (len(SYMBOLS) - 1) - LETTER * sum(len(s) for _, s in SYMBOLS)) / len(
    SYMBOLS
)
"""What a box has beside its symbol."""


def steps_of(recipe: type) -> dict[str, str]:
    """The steps of an attention that a part changes, and what stands beneath each."""
    if issubclass(recipe, Part):
        kinds = map(type, EXAMPLES["Joined"]().members) if recipe is Joined else [recipe]
        used = set().union(*map(hooks, kinds))
        return {step: step for step, _ in SYMBOLS if step in used}
    return next(steps for kind, steps in BESIDES if issubclass(recipe, kind))


def walk(recipe: type) -> str:
    """An attention from the embeddings to its output; the steps that a part changes stand out."""
    changed = steps_of(recipe)
    marks, x, free, low = [], 10.0, 0.0, 51
    for step, symbol in SYMBOLS:
        wide, label = LETTER * len(symbol) + AIR, changed.get(step)
        middle, half = x + wide / 2, LETTER * len(label or "") / 2
        on = label is not None
        marks.append(box(x, 12, wide, 24, "tint" if on else "paper", line="yes" if on else "faint"))
        kind = "ink mono" if on else "quiet mono"
        marks.append(text(middle, 28, symbol, kind, at="middle", size=SMALL))
        if on:
            place = min(max(middle, half + 6), WIDE - half - 6)
            row = 66 if place - half < free else 51
            free = place + half + 4 if row == 51 else free
            low = max(low, row)
            marks.append(path(f"M{middle:g},36V{row - 10}", "yes"))
            marks.append(text(place, row, label, "yes mono", at="middle", size=SMALL))
        x += wide + GAP
    return picture(recipe.__name__, low + 9, marks)


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
