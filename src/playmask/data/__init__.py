"""Examples: what they are, the files that hold them, and how those are read."""

from playmask.rooms import opened

__getattr__ = opened(__name__)
