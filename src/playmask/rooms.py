"""Rooms of the package, imported when they are first named."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def opened(package: str) -> Callable[[str], ModuleType]:
    """The `__getattr__` of a package whose modules are there as soon as they are named."""

    def open_module(name: str) -> ModuleType:
        path = f"{package}.{name}"
        if name.startswith("_") or find_spec(path) is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return import_module(path)

    return open_module
