"""Checkpoints: reading and writing pretrained models in every format they were published in."""

from playmask.checkpoints.load import architecture, build, load
from playmask.checkpoints.load_report import Report
from playmask.checkpoints.save import save
from playmask.lazy import find_submodules

__all__ = ["Report", "architecture", "build", "load", "save"]

find_submodules(__name__)
