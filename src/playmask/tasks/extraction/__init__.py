"""Tasks that find something in texts of any length: mentions, relations, events."""

from playmask.lazy import find_submodules

find_submodules(__name__)
