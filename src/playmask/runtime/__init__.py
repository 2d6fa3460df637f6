"""What runs models: batches, compiled functions, predictors, training."""

from playmask.rooms import opened

__getattr__ = opened(__name__)
