"""What tags tokens and scores spans of them: CRF, MEMM, pointers, and their losses."""

from playmask.lazy import find_submodules

find_submodules(__name__)
