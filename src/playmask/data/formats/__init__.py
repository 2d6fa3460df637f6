"""The formats of files with mentions."""

from playmask.rooms import opened

__getattr__ = opened(__name__)
