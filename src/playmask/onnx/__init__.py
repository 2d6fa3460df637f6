"""ONNX: a Transformer's computation, from its jaxpr with symbolic sizes, for other runtimes."""

from playmask.lazy import find_submodules

find_submodules(__name__)
