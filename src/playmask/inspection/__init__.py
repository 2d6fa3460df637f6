"""Looking into models: costs, attention maps, explanations, pictures."""

from playmask.lazy import find_submodules

find_submodules(__name__)
