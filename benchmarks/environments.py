"""Environments of the peers: made where they are missing, kept between runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

MAKE = True  # whether an environment that is missing is made
CHOSEN: dict[str, str] = {}  # the Python in place of an environment, where one was chosen
ROOT = Path(__file__).parents[1]
TORCH = "torch==2.13.0"


class Missing(Exception):
    """A peer that cannot be installed here, and why."""


class Recipe(NamedTuple):
    """A Python, what pip installs in turn, and the distribution whose version is reported."""

    python: str
    steps: tuple[tuple[str, ...], ...]
    reported: tuple[str, ...]


OWN = "this"  # the Python that runs the benchmark

RECIPES: dict[str, Recipe] = {
    "bert4keras": Recipe(
        "3.7",
        (
            ("tensorflow==1.15.5", "keras==2.3.1", "h5py<3", "protobuf<3.21", "bert4keras==0.11.5"),
            ("bottle", "nltk", "pandas", "rouge", "sympy", "tqdm"),  # of its examples
        ),
        ("bert4keras", "tensorflow", "keras"),
    ),
    "transformers": Recipe(
        OWN,
        (
            (TORCH,),
            ("transformers==5.24.0", "accelerate>=1.1", "safetensors"),
            ("fastapi", "uvicorn", "httptools", "uvloop"),
        ),
        ("transformers", "torch", "tokenizers", "fastapi"),
    ),
    "optimum": Recipe(
        OWN,
        ((TORCH,), ("sentence-transformers", "optimum-onnx[onnxruntime]", "transformers<4.58")),
        ("optimum-onnx", "onnxruntime", "sentence-transformers", "transformers", "torch"),
    ),
    "openvino": Recipe(
        OWN,
        ((TORCH,), ("sentence-transformers", "optimum-intel[openvino]", "nncf", "datasets")),
        ("optimum-intel", "openvino", "nncf", "sentence-transformers", "transformers", "torch"),
    ),
    "bert4torch": Recipe(
        OWN,
        ((TORCH,), ("bert4torch==0.6.2", "safetensors", "requests", "pillow")),
        ("bert4torch", "torch"),
    ),
    "kerashub": Recipe(
        OWN,
        (
            ("keras==3.15.1", "jax==0.10.2", "safetensors", "regex", "rich", "kagglehub", "grain"),
            ("tokenizers", "sentencepiece"),
            ("--no-deps", "keras-hub==0.32.0"),
        ),
        ("keras-hub", "keras", "jax"),
    ),
    "playmask-tensorflow": Recipe(
        OWN, (("tensorflow==2.21.0",), ("-e", str(ROOT))), ("playmask", "keras", "tensorflow")
    ),
}
"""Of each environment but playmask's own, how it is made."""

REPORTED = ("playmask", "keras", "jax", "tokenizers")
VERSIONS = """
import importlib.metadata as m, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = m.version(name)
    except m.PackageNotFoundError:
        pass  # a Python that was chosen need not have what only other benchmarks use
print(json.dumps(found))
"""


def python_of(name: str, place: Path) -> Path:
    """The Python of an environment, made where it is missing.

    Raises: Missing with the reason where it cannot be made
    """
    if name == "playmask":
        return Path(sys.executable)
    if name in CHOSEN:
        return Path(CHOSEN[name])
    folder, recipe = place / name, RECIPES[name]
    python = folder / "bin" / "python"
    wanted = repr(recipe)
    ready = folder / "ready"
    if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
        return python
    if not MAKE:
        raise Missing(f"its environment {folder.name} is not there, and --smoke makes none")
    base = _base(recipe.python)
    if base is None:
        raise Missing(f"Python {recipe.python} is not on this machine")
    print(f"making {folder}", file=sys.stderr, flush=True)
    _run([base, "-m", "venv", "--clear", str(folder)])
    for packages in recipe.steps:
        _run([str(python), "-m", "pip", "install", "-q", *packages])
    ready.write_text(wanted, encoding="utf-8")
    return python


def versions(name: str, place: Path) -> dict[str, str]:
    """The versions that an environment holds."""
    reported = REPORTED if name == "playmask" else RECIPES[name].reported
    script = (
        VERSIONS.replace("importlib.metadata", "importlib_metadata")
        if name == "bert4keras"
        else VERSIONS
    )
    found = _run([str(python_of(name, place)), "-c", script, *reported])
    return json.loads(found.splitlines()[-1])


def _base(version: str) -> str | None:
    """The interpreter of a version: this one, one on PATH, or one of pyenv's."""
    if version == OWN:
        return sys.executable
    own = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(own[-1]) if own else shutil.which(f"python{version}")


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise Missing(f"{' '.join(command[:6])} … failed: {last}")
    return done.stdout
