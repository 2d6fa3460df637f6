"""The page to play with: tasks, attention, explanations and masks in a browser (extra `serve`)."""

from playmask.lazy import find_submodules

find_submodules(__name__)
