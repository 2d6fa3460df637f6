"""Methods that join the training step: one file a method, each a StepHook."""

from playmask.lazy import find_submodules

find_submodules(__name__)
