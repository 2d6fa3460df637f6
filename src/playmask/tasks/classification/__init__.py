"""Tasks that read a text, or a pair of texts, in one row."""

from playmask.lazy import find_submodules

find_submodules(__name__)
