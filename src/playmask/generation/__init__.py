"""Generation: one loop for every model that can go on from a text, compiled or by a graph.

What fills gaps needs Keras, and is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

from playmask.generation.arithmetic import arithmetic
from playmask.generation.beams import Beams
from playmask.generation.constraints import (
    Automaton,
    Constraint,
    Copy,
    Never,
    NoRepeat,
    RepetitionPenalty,
)
from playmask.generation.generate import Generated, generate
from playmask.generation.generator import Generator
from playmask.generation.nested import Nested
from playmask.generation.search import Greedy, Sample, Search
from playmask.generation.slide import slide
from playmask.generation.sql import sql
from playmask.generation.stream import Piece, stream
from playmask.lazy import submodule

if TYPE_CHECKING:
    from playmask.generation.gap_filling import Filled, fill, gibbs

__all__ = [
    "Automaton",
    "Beams",
    "Constraint",
    "Copy",
    "Filled",
    "Generated",
    "Generator",
    "Greedy",
    "Nested",
    "Never",
    "NoRepeat",
    "Piece",
    "RepetitionPenalty",
    "Sample",
    "Search",
    "arithmetic",
    "fill",
    "generate",
    "gibbs",
    "slide",
    "sql",
    "stream",
]

FILLING = ("Filled", "fill", "gibbs")


def __getattr__(name: str) -> Any:
    if name not in FILLING:
        return submodule(__name__, name)
    from playmask.generation import gap_filling

    value = getattr(gap_filling, name)
    globals()[name] = value
    return value
