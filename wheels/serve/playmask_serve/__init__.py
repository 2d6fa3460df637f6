"""Exported tasks of playmask answer, without Keras, JAX or PyTorch.

    import playmask_serve
    playmask_serve.load("runs/exported").predict(["味道很好"])

The modules of playmask that this needs stand in `sources/`, unchanged. Where playmask itself is
installed, its own are imported.
"""

import sys
from importlib.metadata import version
from pathlib import Path

from playmask_serve import left_out

SOURCES = Path(__file__).with_name("sources")

sys.path.append(str(SOURCES))  # behind all others: whatever is installed goes first

import playmask  # noqa: E402

__version__ = playmask.__version__

if Path(playmask.__file__).is_relative_to(SOURCES):
    sys.meta_path.append(left_out)  # asked last
elif __version__ != (_own := version("playmask-serve")):
    raise ImportError(
        f"playmask {__version__} stands beside playmask-serve {_own}, whose modules it would "
        "replace; install the same version of both, or playmask alone, whose "
        "playmask.load_exported does the same."
    )

load = playmask.load_exported

__all__ = ["load"]
