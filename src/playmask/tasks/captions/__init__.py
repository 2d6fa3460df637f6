"""Captions of images: an image network, a text generator, and how the one conditions the other."""

from playmask.lazy import find_submodules

find_submodules(__name__)
