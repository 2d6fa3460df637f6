"""Weights that are no numbers give no answers: every task, and what writes and fills, says so."""

import json
from typing import Any

import numpy as np
import pytest

import playmask
from comparing import numpy_of, tiny
from playmask.errors import NotFiniteError
from playmask.tasks.registry import TASKS
from playmask.untrusted import json_text
from tasks.every_task import INPUTS, MAKE, OTHER, TEXT, WORDS

pytestmark = pytest.mark.backends


def damaged(one: Any, *, rows: list[int] | None = None) -> None:
    """Make the table of tokens NaN, or some of its rows."""
    table = one.embeddings.tokens.weights[0]
    values = numpy_of(table.value).copy()
    values[slice(None) if rows is None else rows] = np.nan
    table.assign(values)


def test_every_task_is_among_them():
    made = {make().name for make in MAKE.values()}
    assert made == {name for name, home in TASKS.items() if str(home).startswith("playmask.")}


@pytest.mark.parametrize("kind", MAKE)
def test_a_task_whose_weights_are_no_numbers_does_not_answer(kind):
    task, text = MAKE[kind](), INPUTS.get(kind, TEXT)
    task.predict([text])
    damaged(task.transformer)
    with pytest.raises(NotFiniteError, match="NaN"):
        task.predict([text])


def test_only_the_rows_that_hold_the_damage_are_refused_by_their_number():
    task = MAKE["classify"]()
    damaged(task.transformer, rows=WORDS.encode("六", special=False).ids)
    assert len(task.predict([TEXT, TEXT])) == 2
    with pytest.raises(NotFiniteError, match="Row 1: the model's output 'logits' holds NaN or inf"):
        task.predict([TEXT, OTHER])


def test_numbers_beyond_the_range_are_refused_too():
    task = MAKE["regress"]()
    bias = task.network.weights[-1]
    bias.assign(np.full(bias.shape, np.inf, "float32"))
    with pytest.raises(NotFiniteError):
        task.predict(TEXT)


SEARCHES = [playmask.Greedy(), playmask.Beams(2), playmask.Sample(2), playmask.Sample(top_p=0.9)]


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_nothing_is_written_by_weights_that_are_no_numbers(search):
    """Also where only the last token would be spoilt: its position's vector is damaged."""
    one = tiny(heads=("mlm",), order="lm")
    positions = one.embeddings.positions.weights[0]
    values = numpy_of(positions.value).copy()
    values[17] = np.nan  # behind what prompts are padded to
    positions.assign(values)
    options = {"end": None, "search": search}
    assert len(playmask.generate(one, [[1, 2]], max_tokens=15, **options).tokens[0][0]) == 15
    with pytest.raises(NotFiniteError, match="NaN"):
        playmask.generate(one, [[1, 2], [9, 8, 7]], max_tokens=18, **options)
    damaged(one)
    with pytest.raises(NotFiniteError, match="NaN"):
        playmask.generate(one, [[9]], max_tokens=1, **options)
    if search.lanes == 1 or isinstance(search, playmask.Beams):
        with pytest.raises(NotFiniteError, match="NaN"):
            list(playmask.stream(one, [[9]], max_tokens=2, decode=repr, **options))


def test_gaps_are_not_filled_by_weights_that_are_no_numbers():
    one = tiny(heads=("mlm",))
    playmask.fill(one, [[1, 5, 2]], mask=5)
    damaged(one)
    with pytest.raises(NotFiniteError, match="NaN"):
        playmask.fill(one, [[1, 5, 2]], mask=5)
    with pytest.raises(NotFiniteError, match="NaN"):
        playmask.gibbs(one, [[1, 3, 2]], mask=5, steps=4)


@pytest.mark.parametrize("kind", ["lm", "seq2seq", "mlm"])
def test_the_loss_of_weights_that_are_no_numbers_is_none(kind):
    task = MAKE[kind]()
    data = [(TEXT, OTHER)] if kind == "seq2seq" else [TEXT]
    task.evaluate(data)
    damaged(task.transformer)
    with pytest.raises(NotFiniteError, match="NaN"):
        task.evaluate(data)


def test_what_is_no_number_is_no_json():
    assert json.loads(json_text({"a": [1.5, None]})) == {"a": [1.5, None]}
    for number in (np.nan, np.inf):
        with pytest.raises(NotFiniteError, match="no JSON can hold"):
            json_text({"a": [1.5, number]})


def test_the_command_line_prints_no_nan(tmp_path, capsys):
    from playmask.cli.app import app

    task = MAKE["classify"]()
    damaged(task.transformer, rows=WORDS.encode("六", special=False).ids)
    task.save(tmp_path)
    line = ["predict", str(tmp_path), "--text", TEXT, "--text", OTHER]
    with pytest.raises(SystemExit) as end:
        app(line)
    output = capsys.readouterr()
    assert end.value.code == 2
    assert "NaN" not in output.out and all(map(json.loads, output.out.splitlines()))
    assert output.err.startswith("playmask: Row 1: the model's output 'logits' holds NaN")
