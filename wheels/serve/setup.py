"""Builds playmask-serve: the modules of playmask that an exported task needs come along unchanged.

The wheel is built inside a checkout of playmask, whose src/ and tools/ it reads.
"""

import re
import shutil
import sys
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCE = ROOT / "src" / "playmask"
sys.path.insert(0, str(ROOT / "tools"))

from module_graph import FILES, closed_under_imports  # noqa: E402


def read_toml(folder: Path) -> dict:
    """What a folder's pyproject.toml holds."""
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def files(modules: list[str]) -> list[Path]:
    """The files of modules, and the data that stands beside them."""
    paths = [FILES[module] for module in modules]
    patterns = read_toml(ROOT)["tool"]["setuptools"]["package-data"]["playmask"]
    folders = {path.parent for path in paths}
    data = [path for each in patterns for path in SOURCE.glob(each) if path.parent in folders]
    return [*paths, *data]


class BuildModules(build_py):
    """Copies the modules to where `playmask_serve` finds them."""

    def run(self) -> None:
        """Copy its own file, and those of playmask."""
        super().run()
        if self.editable_mode:
            return
        chosen = read_toml(HERE)["tool"]["playmask-serve"]
        modules = closed_under_imports(chosen["entries"], frozenset(chosen["without"]))
        own = Path(self.build_lib) / "playmask_serve"
        left_out = sorted(FILES.keys() - {*modules})
        (own / "left_out.txt").write_text("\n".join(left_out), encoding="utf-8")
        for path in [*files(modules), ROOT / "LICENSE"]:
            base = SOURCE.parent if path.is_relative_to(SOURCE) else ROOT
            place = own / "sources" / path.relative_to(base)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


(version,) = re.findall(
    r'^__version__ = "(.+)"$', (SOURCE / "__init__.py").read_text("utf-8"), re.M
)
setup(version=version, cmdclass={"build_py": BuildModules})
