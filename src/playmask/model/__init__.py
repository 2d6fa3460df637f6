"""The Transformer: masks, parts, attention, blocks; it needs nothing of playmask but its errors."""

from playmask.lazy import find_submodules

find_submodules(__name__)
