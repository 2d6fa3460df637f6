"""Examples: what they are, the files that hold them, and how those are read."""

from playmask.lazy import find_submodules

find_submodules(__name__)
