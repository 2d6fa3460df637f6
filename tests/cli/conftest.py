"""Data, and a task that the command line has trained on it."""

from pathlib import Path

import pytest
from typer.testing import Result

from cli.commands import SMALL, call, reviews, write_table


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """A folder with train.tsv and valid.tsv."""
    folder = tmp_path_factory.mktemp("data")
    write_table(folder / "train.tsv", reviews(64))
    write_table(folder / "valid.tsv", reviews(20))
    return folder


@pytest.fixture(scope="session")
def trained(data, tmp_path_factory) -> tuple[Path, Result]:
    """A trained task, and what the command said."""
    out = tmp_path_factory.mktemp("tasks") / "reviews"
    arguments = ["train", "classify", data / "train.tsv", "--validation", data / "valid.tsv"]
    result = call(*arguments, "--out", out, *SMALL, "--epochs", 8)
    assert result.exit_code == 0, result.output
    return out, result


@pytest.fixture
def task(trained) -> Path:
    """The folder of the trained task."""
    return trained[0]
