"""Tasks that answer questions about passages."""

from playmask.lazy import find_submodules

find_submodules(__name__)
