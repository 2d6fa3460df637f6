"""Training: the loop, its options, its optimizers and what joins its steps."""

from playmask.rooms import opened

__getattr__ = opened(__name__)
