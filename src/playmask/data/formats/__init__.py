"""The formats of files with mentions."""

from playmask.lazy import find_submodules

find_submodules(__name__)
