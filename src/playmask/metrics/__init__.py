"""Scores of extractions by the rules of their fields and competitions, as pure functions."""

from playmask.rooms import opened

__getattr__ = opened(__name__)
