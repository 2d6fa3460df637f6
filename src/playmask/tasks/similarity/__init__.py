"""Tasks that compare sentences: vectors of them, and scores of pairs."""

from playmask.lazy import find_submodules

find_submodules(__name__)
