"""What runs models: batches, compiled functions, predictors, training."""

from playmask.lazy import find_submodules

find_submodules(__name__)
