"""Predicting from the command line: where texts come from, and how answers are written."""

import os
import sys
from collections.abc import Iterable, Sequence, Sized
from pathlib import Path
from typing import Any

from playmask.cli import input_texts
from playmask.cli.actions.predict_request import Request
from playmask.cli.actions.progress import items_done
from playmask.cli.bars import waiting
from playmask.cli.input_texts import split
from playmask.cli.output import note, note_all, note_skipped, print_json_lines
from playmask.data.examples import Example, Examples
from playmask.data.inputs import is_table
from playmask.data.lines import read_lines
from playmask.errors import ConfigError, DataError
from playmask.tasks.call_options import cut_vectors, with_schema
from playmask.tasks.loading import load_task
from playmask.tasks.task import Task

LONGEST_NAME = 200
"""Characters of a file's name that an error shows; a text in its place may be longer."""


def run(request: Request) -> None:
    """Predict, and print or write the answers."""
    _check(request)
    with waiting("loading…", results=not request.submission):
        task = load_task(request.task_directory)
    cut_vectors(task, request.size)
    if request.schema is not None:
        task.settings = with_schema(task.settings, request.schema)
    if request.submission and task.submission is None:
        raise ConfigError(f"A task {task.name!r} has no competition's format.")
    skipped: list[str] = []
    examples: list[Any] = []
    answers: list[Any] = []
    total, groups = _groups(task, request, skipped if request.skip_bad else None)
    with items_done("texts", total, results=not request.submission) as pace:
        for group in groups:
            pace.group(len(group))
            predictions = task.predict([task.input_of(example) for example in group])
            if request.submission:
                examples += group
                answers += predictions
            else:
                _print(task, group, predictions)
    note_skipped(request.file or "<stdin>", skipped)
    if request.submission:
        task.submission(request.submission, examples, answers)
        note(f"{len(answers):,} answers are in {request.submission}")


def _check(request: Request) -> None:
    """See that the options go together, before anything is loaded."""
    if request.bulk:
        name = next(iter(request.bulk)).replace("_", "-")
        raise ConfigError(f"--{name} is for bulk inference; name a folder for the answers: --out.")
    file, text, pair = request.file, request.text, request.pair
    if text and file:
        raise ConfigError("Give a file or --text, not both.")
    if pair and len(pair) != len(text or ()):
        raise ConfigError(f"{len(text or ())} --text but {len(pair)} --pair; give as many of each.")
    for name, value in (("--text", text), ("--pair", pair)):
        if any(not item.strip() for item in value or ()):
            raise ConfigError(f"A {name} is empty.")
    if request.columns and (file is None or not is_table(file)):
        raise ConfigError("--columns is for a table (.tsv, .csv, .xlsx, .jsonl …).")
    if file and str(file) != "-" and not os.path.isfile(file):  # no error for a long text
        if os.path.isdir(file):
            raise DataError(f"{file} is a folder; name one of its files.")
        name = str(file) if len(str(file)) <= LONGEST_NAME else f"{str(file)[:LONGEST_NAME]}…"
        raise DataError(f"There is no file {name!r}; a text itself is given by --text.")


def _groups(
    task: Task[Any], request: Request, skipped: list[str] | None
) -> tuple[int | None, Iterable[list[Any]]]:
    """How many texts there are, if that is known, and they, in groups to predict together."""
    file, text = request.file, request.text
    if text:
        pairs: list[Any] = [*request.pair] if request.pair else [None] * len(text)
        return len(text), [[Example(*both) for both in zip(text, pairs, strict=True)]]
    if file is None or str(file) == "-":
        skip = None if skipped is None else skipped.append
        return None, input_texts.arriving(sys.stdin.buffer, skip)
    inputs = inputs_in(task, file, request.columns, skipped)
    total = len(inputs) if isinstance(inputs, Sized) else sum(1 for _ in read_lines(file))
    return total, input_texts.groups(inputs)


def inputs_in(
    task: Task[Any], path: Path, columns: str | None, skipped: list[str] | None
) -> Iterable[Any]:
    """The inputs of a file: those of a table, or one text per line; bad ones go to `skipped`."""
    if task.reads_lines(path):
        return input_texts.lines(path, skipped)
    table: Examples[Any] = task.read_inputs(
        path, columns=split(columns), skip_bad=skipped is not None
    )
    if skipped is not None:
        skipped += table.skipped
    note_all(path, table.notes)
    return table


def _print(task: Task[Any], group: Sequence[Any], answers: Sequence[Any]) -> None:
    """Print one line of JSON for each example of a group."""
    print_json_lines(
        {**task.example_json(example), **task.answer_json(example, answer)}
        for example, answer in zip(group, answers, strict=True)
    )
