"""Every experiment at its smallest: each variant must learn something (make test-experiments).

Where PLAYMASK_DATA names no data sets, the texts are the project's reviews and made-up ones.
"""

import pytest

from cli.commands import call
from playmask.experiments import EXPERIMENTS


@pytest.mark.experiments
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_smoke(name, tmp_path):
    arguments = ("--scale", "smoke", "--out", tmp_path / "out", "--report", tmp_path)
    result = call("experiment", name, *arguments)
    assert result.exit_code == 0, result.output + result.stderr
    page = (tmp_path / f"{name}-smoke.md").read_text(encoding="utf-8")
    assert all(task.title in page for task in EXPERIMENTS[name].tasks)
    assert (tmp_path / f"{name}-smoke.png").stat().st_size > 10_000
