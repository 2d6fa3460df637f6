"""What scripts of bert4keras use, and what it has become here; their texts are read, never run."""

from playmask.lazy import find_submodules

find_submodules(__name__)
