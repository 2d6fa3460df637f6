"""The package itself: what a fresh process can name, and the folder of compiled programs."""

import os
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import playmask
from playmask.cache_folder import private_cache

NAMES = [  # what imports little first, so that each finds its own way
    "playmask.metrics.sets.label_scores",
    "playmask.tokenizers.simplified",
    "playmask.runtime.train.schedules.PiecewiseLinear",
    "playmask.runtime.batches.Batches",
    "playmask.runtime.gradients.value_and_gradient",
    "playmask.generation.steering.bag_of_words",
    "playmask.generation.Constraint",
]


def fresh(script: str, **environment: str) -> str:
    """What a new process prints."""
    left_out = "JAX_COMPILATION_CACHE_DIR"
    inherited = {name: value for name, value in os.environ.items() if name != left_out}
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_modules_are_there_when_they_are_named():
    fresh("import playmask\n" + "\n".join(NAMES))
    with pytest.raises(
        AttributeError, match="module 'playmask.runtime' has no attribute 'nothing'"
    ):
        _ = playmask.runtime.nothing
    with pytest.raises(AttributeError, match="module 'playmask' has no attribute 'nothing'"):
        _ = playmask.nothing


def test_dir_shows_the_public_names_alone():
    assert dir(playmask) == sorted([*playmask.__all__, "__version__"])


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


needs_users = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no users and modes of POSIX")


@needs_users
def test_compiled_programs_are_private_whatever_the_umask(tmp_path):
    script = "import os; os.umask(0); import playmask; print(os.environ[{!r}], end='')"
    cache = fresh(script.format("JAX_COMPILATION_CACHE_DIR"), XDG_CACHE_HOME=str(tmp_path))
    assert cache == str(tmp_path / "playmask" / "jax")
    assert mode(tmp_path / "playmask") == mode(tmp_path / "playmask" / "jax") == 0o700


@needs_users
@pytest.mark.parametrize(("before", "stays"), [(0o777, False), (0o775, False), (0o755, True)])
def test_what_others_could_write_into_is_emptied(before, stays, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "playmask" / "jax"
    (folder / "inner").mkdir(parents=True)
    (folder / "program").write_text("planted")
    for each in (folder, folder.parent):
        each.chmod(before)
    assert private_cache("jax") == str(folder)
    assert mode(folder) == mode(folder.parent) == 0o700
    assert (folder / "program").exists() == (folder / "inner").exists() == stays


@needs_users
@pytest.mark.parametrize("whose", ["playmask", "playmask/jax"])
def test_what_belongs_to_somebody_else_is_left_alone(whose, tmp_path, monkeypatch):
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "playmask" / "jax").mkdir(parents=True)
    os.chown(tmp_path / whose, 12345, -1)
    with pytest.warns(UserWarning, match=f"{whose} belongs to somebody else"):
        assert private_cache("jax") is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert private_cache("jax") is None
