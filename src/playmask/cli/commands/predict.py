"""`playmask predict`: a saved task at work on texts, as JSON lines."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from playmask.cli.actions.predict import Telling
    from playmask.data.examples import Example


def predict(
    task_directory: Annotated[Path, typer.Argument(metavar="TASK_DIR", help="A saved task.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="One text per line, or a .tsv, .csv or .jsonl (.gz); - or nothing is stdin.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="A text, in place of a file; may be repeated.")
    ] = None,
    pair: Annotated[
        list[str] | None, typer.Option(help="The second text of each --text, for pairs.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="The table's columns, such as text,pair; _ is ignored.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
    submission: Annotated[
        Path | None, typer.Option(help="Write a competition's file, in place of the lines.")
    ] = None,
) -> None:
    """Use a saved task on texts: label them, find what is in them, answer, write, fill gaps [MASK].

    Prints one line of JSON for each text, in their order, as soon as it is known.
    """
    from playmask.cli.output import note, note_skipped

    _check(file, text, pair, columns)
    from playmask import load_task
    from playmask.cli.actions.predict import PLAIN, TELLINGS
    from playmask.errors import ConfigError

    task = load_task(task_directory)
    telling = TELLINGS.get(task.kind, PLAIN)
    if submission and not telling.hand_in:
        raise ConfigError(f"A task of the kind {task.kind!r} has no competition's format.")
    skipped: list[str] = []
    examples: list[Any] = []
    answers: list[Any] = []
    for group in _groups(task, file, text, pair, columns, skipped if skip_bad else None):
        _check_pairs(task, group)
        found = task.predict([telling.asked(example) for example in group])
        if submission:
            examples += group
            answers += found
        else:
            _print(telling, group, found)
    note_skipped(file or "<stdin>", skipped)
    if submission and telling.hand_in:
        telling.hand_in(submission, examples, answers)
        note(f"{len(answers):,} answers are in {submission}")


def _check(
    file: Path | None, text: list[str] | None, pair: list[str] | None, columns: str | None
) -> None:
    """See that the options go together, before anything is loaded."""
    from playmask.cli.input_texts import is_table
    from playmask.errors import ConfigError, DataError

    if text and file:
        raise ConfigError("Give a file or --text, not both.")
    if pair and len(pair) != len(text or ()):
        raise ConfigError(f"{len(text or ())} --text but {len(pair)} --pair; give as many of each.")
    for name, value in (("--text", text), ("--pair", pair)):
        if any(not item.strip() for item in value or ()):
            raise ConfigError(f"A {name} is empty.")
    if columns and (file is None or not is_table(file)):
        raise ConfigError("--columns is for a .tsv or .csv file.")
    if file and str(file) != "-" and not file.is_file():
        what = "is a folder; name one of its files" if file.is_dir() else "does not exist"
        raise DataError(f"{file} {what}.")


def _groups(
    task: Any,
    file: Path | None,
    text: list[str] | None,
    pair: list[str] | None,
    columns: str | None,
    skipped: list[str] | None,
) -> "Iterable[list[Example]]":
    """Where the texts come from, in groups to predict together."""
    import sys

    from playmask.cli import input_texts
    from playmask.cli.actions.predict import examples_in
    from playmask.data.examples import Example

    if text:
        pairs: list[Any] = [*pair] if pair else [None] * len(text)
        return [[Example(*both) for both in zip(text, pairs, strict=True)]]
    if file is None or str(file) == "-":
        return input_texts.arriving(sys.stdin.buffer, None if skipped is None else skipped.append)
    return input_texts.groups(examples_in(task, file, columns, skipped))


def _print(telling: "Telling", group: Sequence[Any], found: Sequence[Any]) -> None:
    """Print one line of JSON for each example of a group."""
    import json
    import sys

    for example, prediction in zip(group, found, strict=True):
        fields = {**telling.shown(example), **telling.told(example, prediction)}
        sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _check_pairs(task: Any, group: "list[Example]") -> None:
    """See that a task of pairs gets pairs, and one of single texts those."""
    from playmask.errors import DataError

    takes_pairs = task.settings.get("pairs")
    if takes_pairs is None:
        return
    wrong = next((e for e in group if (e.pair is not None) != takes_pairs), None)
    if wrong is not None:
        what = "pairs" if takes_pairs else "single texts"
        way = "; give --pair, or a table with text and pair" if takes_pairs else ""
        raise DataError(f"The task was trained on {what}{way}; this came: {wrong.text!r:.60}.")
