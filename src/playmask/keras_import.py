"""The import of Keras, without what few programs need of it, and without searches for garbage.

Keras and JAX import some packages for functions that few programs call, and matplotlib alone is a
quarter of their time. The modules named here get a stand-in for one import of theirs, which becomes
the package at its first use; `sys.modules`, and what others import, stays as it is.
"""

import builtins
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

from playmask.garbage import searched_later

DEFERRED = {
    "etils.epath.testing": "unittest",  # it brings asyncio along
    "jax.experimental.sparse.linalg": "scipy",  # spsolve, on a processor
    "keras.src.backend.jax.nn": "jax.experimental.pallas.ops.tpu.splash_attention",  # on a TPU
    "keras.src.callbacks.remote_monitor": "requests",
    "keras.src.legacy.saving.legacy_h5_format": "h5py",  # files of Keras 2
    "keras.src.saving.file_editor": "rich",
    "keras.src.saving.saving_lib": "psutil",  # how much memory is free
    "keras.src.utils.summary_utils": "rich",
    "keras.src.visualization.plot_bounding_box_gallery": "matplotlib",
    "keras.src.visualization.plot_image_gallery": "matplotlib",
}
"""The module that imports, and the package that its functions need when they are called."""


class StandIn(ModuleType):
    """A module that is imported when something of it is asked for.

    statements: the modules that import statements name: this one, or some inside it
    """

    def __init__(self, name: str, statements: Sequence[str]) -> None:
        super().__init__(name, f"{name}, imported at its first use.")
        self._statements = statements

    def __getattr__(self, name: str) -> Any:
        inner = f"{self.__name__}.{name}"
        if any(f"{statement}.".startswith(f"{inner}.") for statement in self._statements):
            return StandIn(inner, self._statements)
        for statement in self._statements:
            import_module(statement)
        return getattr(sys.modules[self.__name__], name)


class _Deferring(SourceFileLoader):
    """Runs a module of the table, which gets stand-ins for what is to come later."""

    def exec_module(self, module: ModuleType) -> None:
        package = DEFERRED[module.__name__]
        statements: list[str] = []

        def import_(
            name: str,
            globals: Mapping[str, object] | None = None,
            locals: Mapping[str, object] | None = None,
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> Any:
            if level or not f"{name}.".startswith(f"{package}.") or not _is_to_come(name):
                return builtins.__import__(name, globals, locals, fromlist or (), level)
            if fromlist:
                inner = {one: f"{name}.{one}" for one in fromlist}
                return SimpleNamespace(
                    **{one: StandIn(full, [full]) for one, full in inner.items()}
                )
            statements.append(name)
            return StandIn(name.partition(".")[0], statements)

        # An import statement calls what its module's builtins have under this name.
        names = {**vars(builtins), "__import__": import_}
        vars(module)["__builtins__"] = names
        try:
            super().exec_module(module)
        finally:
            names["__import__"] = builtins.__import__  # functions import when they are called


class _Unsearched(SourceFileLoader):
    """Runs a module, and all that it imports, without searches for garbage."""

    def exec_module(self, module: ModuleType) -> None:
        with searched_later():
            super().exec_module(module)


LOADERS: dict[str, type[SourceFileLoader]] = {"keras": _Unsearched}
LOADERS |= dict.fromkeys(DEFERRED, _Deferring)


class _Finder:
    """Finds the modules that have a loader of ours where Python does."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in LOADERS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = LOADERS[name](name, spec.loader.path)
        return spec


def lighten() -> None:
    """Have Keras imported so from now on; modules that are there already stay as they are."""
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def _is_to_come(name: str) -> bool:
    """Tell whether a module is there and not yet imported; a missing one fails at once, as ever."""
    return name not in sys.modules and find_spec(name.partition(".")[0]) is not None
