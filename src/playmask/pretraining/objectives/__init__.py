"""The objectives of pretraining: what each masks, asks, and learns by; one file each."""

from playmask.lazy import find_submodules

find_submodules(__name__)
