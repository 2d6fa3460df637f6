"""Looking into models: costs, attention maps, explanations, pictures."""

from playmask.rooms import opened

__getattr__ = opened(__name__)
