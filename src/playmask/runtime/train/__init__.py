"""Training: the loop, its options, its optimizers and what joins its steps."""

from playmask.lazy import find_submodules

find_submodules(__name__)
