"""Watching a training: which epoch is best, when to stop, the clock, logs of steps and epochs."""

from playmask.lazy import find_submodules

find_submodules(__name__)
