"""Generation: one compiled loop for every model that can go on from a text."""

from playmask.generation.constraints import Automaton, Constraint, Copy, NoRepeat, RepetitionPenalty
from playmask.generation.generate import Generated, Generator, generate
from playmask.generation.search import Beams, Greedy, Sample, Search

__all__ = [
    "Automaton",
    "Beams",
    "Constraint",
    "Copy",
    "Generated",
    "Generator",
    "Greedy",
    "NoRepeat",
    "RepetitionPenalty",
    "Sample",
    "Search",
    "generate",
]
