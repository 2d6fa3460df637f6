"""Tasks that write texts, or fill their gaps."""

from playmask.lazy import find_submodules

find_submodules(__name__)
