"""Generation: one compiled loop for every model that can go on from a text."""

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
from playmask.generation.fill import Filled, fill, gibbs
from playmask.generation.generate import Generated, Generator, generate
from playmask.generation.nested import Nested
from playmask.generation.search import Greedy, Sample, Search
from playmask.generation.slide import slide
from playmask.generation.sql import sql
from playmask.generation.stream import Piece, stream
from playmask.lazy import find_submodules

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

find_submodules(__name__)
