"""Weights that are no numbers give no answers: every task, and what writes and fills, says so."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import playmask
from comparing import numpy_of, tiny
from playmask.errors import NotFiniteError
from playmask.tasks.registry import TASKS
from playmask.untrusted import json_text
from tasks.made_up import model, tokenizer

pytestmark = pytest.mark.backends

WORDS = tokenizer("问答甲乙")
TEXT, OTHER, PAIR = "零一二三", "六七八九", ("零一", "二三四")


def on(**changes: Any) -> Callable[..., Any]:
    """How a task is made of a tiny model."""

    def make(kind: type, *values: Any, **options: Any) -> Any:
        one = model(WORDS, depth=1, **changes)
        return kind.new(one, *values, tokenizer=WORDS, **options)

    return make


LABELS = ["甲", "乙"]
MAKE: dict[str, Callable[[], Any]] = {
    "classify": lambda: on()(playmask.TextClassifier, LABELS, max_length=16),
    "classify multiple": lambda: on()(
        playmask.TextClassifier, LABELS, multiple=True, max_length=16
    ),
    "regress": lambda: on()(playmask.TextRegressor, max_length=16),
    "pattern": lambda: on()(
        playmask.PatternClassifier,
        ["bad", "good"],
        words=["甲", "乙"],
        pattern="[MASK]{text}",
        max_length=16,
    ),
    "similar": lambda: on()(playmask.SentenceEncoder, language_model=0, max_length=16),
    "pair": lambda: on()(playmask.SentencePair, max_length=16),
    "rerank": lambda: on()(playmask.Reranker, max_length=16),
    "tag": lambda: on()(playmask.SequenceTagger, LABELS, max_length=16),
    "tag softmax": lambda: on()(
        playmask.SequenceTagger, LABELS, tagger="softmax", max_length=16
    ),
    "span": lambda: on()(playmask.SpanTagger, LABELS, max_length=16),
    "relate": lambda: on()(playmask.RelationExtractor, LABELS, max_length=16),
    "relate casrel": lambda: on()(
        playmask.RelationExtractor, LABELS, method="casrel", max_length=16
    ),
    "event": lambda: on()(
        playmask.EventExtractor, ["甲@trigger", "甲@乙"], max_length=16
    ),
    "event tags": lambda: on()(
        playmask.EventExtractor, ["甲@trigger", "甲@乙"], method="tags", max_length=16
    ),
    "uie": lambda: on()(playmask.UniversalExtractor, "甲", max_length=16),
    "read": lambda: on()(playmask.ReadingComprehension, max_length=32, max_answer=4),
    "read mask-fill": lambda: on()(
        playmask.ReadingComprehension, max_length=32, max_answer=4, method="mask-fill"
    ),
    "read-seq2seq": lambda: on(order="unilm")(playmask.CopyingReader, max_length=32, max_answer=4),
    "lm": lambda: on(order="lm")(playmask.LanguageModel, max_length=16),
    "seq2seq": lambda: on(order="unilm")(playmask.Seq2Seq, max_source=12, max_target=8),
    "mlm": lambda: on()(playmask.MaskFill, max_length=16),
}  # fmt: skip
INPUTS = {"mlm": "零[MASK]二", "pair": PAIR, "rerank": PAIR, "read": PAIR, "read mask-fill": PAIR,
          "read-seq2seq": PAIR}  # fmt: skip


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
