"""Every experiment at its smallest: each variant must learn something (make test-experiments).

Where PLAYMASK_DATA names no data sets, the texts are the project's reviews and made-up ones.
"""

import pytest

from cli.commands import call
from playmask.experiments import EXPERIMENTS

SOME = {
    "captions": ("attention",),
    "conditional": ("conditional norm", "pseudo-self attention"),
    "craft": ("plain", "R-Drop + unlabelled", "CoSENT"),
    "key_size": ("usual", "4x heads full keys"),
    "laboratory": ("dot",),
    "masks": ("full", "lm", "permutation (wrong mask)"),
    "synthesizer": ("vanilla", "dense", "random + dense", "light convolution", "Linformer"),
    "talking_heads": ("1x heads", "4x heads talking"),
}
"""Variants that stand for others, which differ from them in a size, a part or a method.

Each part learns on checkpoints of families in the matrix, each method in tests/tasks.
"""
CASES = [
    *((name, SOME.get(name, ())) for name in EXPERIMENTS),
    *(pytest.param(name, (), marks=pytest.mark.whole) for name in SOME),
]


@pytest.mark.experiments
@pytest.mark.parametrize(("name", "only"), CASES)
def test_smoke(name, only, tmp_path):
    arguments = ("--scale", "smoke", "--out", tmp_path / "out", "--report", tmp_path)
    if only:
        arguments += ("--only", ",".join(only))
    result = call("experiment", name, *arguments)
    assert result.exit_code == 0, result.output + result.stderr
    page = (tmp_path / f"{name}-smoke.md").read_text(encoding="utf-8")
    assert all(task.title in page for task in EXPERIMENTS[name].tasks)
    assert (tmp_path / f"{name}-smoke.png").stat().st_size > 10_000
