"""Pretraining: documents to packed rows, and what a Transformer learns from them without labels."""

from playmask.lazy import find_submodules

find_submodules(__name__)
