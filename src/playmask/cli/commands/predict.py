"""`playmask predict`: a saved task at work on texts, as JSON lines."""

from pathlib import Path
from typing import Annotated

import typer


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
        str | None, typer.Option(help="The table's columns: text,pair,_ in order, or text=NAME.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="What an encoder's vectors are cut to. Default: whole.", min=1),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
    submission: Annotated[
        Path | None, typer.Option(help="Write a competition's file, in place of the lines.")
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(help="What a task uie finds: a name, JSON of names, nested, or its file."),
    ] = None,
) -> None:
    """Use a saved task on texts: label them, find what is in them, answer, write, fill gaps [MASK].

    Prints one line of JSON for each text, in their order, as soon as it is known.
    """
    options = dict(locals())
    from playmask.cli.actions.predict import Request, run

    run(Request(**options))
