"""Optimizers by name or as objects, each with rates, decay and frozen rows weight by weight."""

from playmask.lazy import find_submodules

find_submodules(__name__)
