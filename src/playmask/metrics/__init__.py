"""Scores of extractions by the rules of their fields and competitions, as pure functions."""

from playmask.lazy import find_submodules

find_submodules(__name__)
