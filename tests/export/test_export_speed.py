"""`playmask doctor --export`: formats of an export beside the task itself, and which to take."""

import json
from importlib.util import find_spec

import keras
import pytest

from cli.commands import call, complaint
from playmask.cli.actions import export_speed
from playmask.cli.actions.export_speed import FORMATS, OWN, SHAPES, Measured, advice, rows
from tasks.every_task import MAKE

needs_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="exports need JAX")


def taking(*formats: tuple[str, float, float]) -> list[Measured]:
    """Formats by the seconds that many texts take, and the change of the outputs."""
    shapes = "1 × 32", "8 × 128"
    return [Measured(name, dict.fromkeys(shapes, time), change) for name, time, change in formats]


def test_the_fastest_is_advised_and_what_changes_nothing():
    itself, exact, half = (OWN, 1.0, 0.0), ("exact", 0.8, 1e-6), ("half", 0.5, 1e-2)
    assert advice(taking(itself, exact)) == f"Take the format exact, 1.2 times as fast as {OWN}."
    assert advice(taking(itself, exact, half)) == (
        f"Take the format half, 2.0 times as fast as {OWN}. Its outputs change; where no answer "
        "may, take exact, 1.2 times as fast."
    )
    assert advice(taking(itself, half)).endswith(f"where no answer may, take {OWN}.")
    assert advice(taking(itself, ("slow", 0.99, 0.0))).startswith("No format is 1.1 times")


def test_bars_are_as_long_as_formats_are_fast():
    slow, fast = rows(taking((OWN, 1.0, 0.0), ("half", 0.5, 1e-2)))
    assert (slow[-1].count("█"), fast[-1].count("█")) == (12, 24)
    assert fast[:2] == ("half", "500.0") and fast[-3:-1] == ("2.00", "1e-02")


@needs_jax
def test_a_task_is_measured_in_every_format_that_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(export_speed, "SECONDS", 0.0)
    task = MAKE["tag"]()
    task.save(tmp_path)
    said = json.loads(call("doctor", "--export", tmp_path, "--json").stdout)
    installed = [each.name for each in FORMATS if find_spec(each.engine)]
    assert [each["name"] for each in said["formats"]] == [OWN, *installed]
    assert said["absent"].keys() == {each.name for each in FORMATS} - {*installed}
    own, onnxruntime = said["formats"][:2]
    assert own["change"] == 0 < onnxruntime["change"] <= 2e-5
    longest = task.settings.row_length  # 16, so that neither shape is as long as it may be
    shapes = {f"{batch} × {min(most, longest)}" for batch, most in SHAPES}
    assert all(each["seconds"].keys() == shapes for each in said["formats"])
    table = call("doctor", "--export", tmp_path)
    assert "█" in table.stdout and OWN in table.stderr


@needs_jax
@pytest.mark.parametrize("kind", ["lm", "exported"])
def test_what_has_no_formats_is_refused(kind, tmp_path):
    if kind == "exported":
        MAKE["tag"]().export(tmp_path)
    else:
        MAKE[kind]().save(tmp_path)
    assert "take the folder of a saved task" in complaint(call("doctor", "--export", tmp_path))
