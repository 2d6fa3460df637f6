"""Modules as attributes of their packages, each imported when it is first used."""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def submodule(package: str, name: str) -> ModuleType:
    """Import a module of a package; raises AttributeError where the package has none so called."""
    if name.startswith("_") or find_spec(f"{package}.{name}") is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    module = import_module(f"{package}.{name}")
    if hasattr(module, "__path__") and "__getattr__" not in vars(module):
        find_submodules(module.__name__)  # a package that needs nothing of playmask, as the model
    return module


def find_submodules(package: str) -> None:
    """Let a package find its modules as attributes: `playmask.data.gathering` needs no import."""
    vars(sys.modules[package])["__getattr__"] = lambda name: submodule(package, name)
