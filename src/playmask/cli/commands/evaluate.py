"""`playmask evaluate`: a saved task, measured on labelled data."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    task_directory: Annotated[Path, typer.Argument(metavar="TASK_DIR", help="A saved task.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Labelled data, as for training.")],
    columns: Annotated[
        str | None, typer.Option(help="The file's columns: text,label,_ in order, or text=NAME.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="How answers are scored, where a task knows several ways.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="A .jsonl of every answer beside the right one.")
    ] = None,
    confusion: Annotated[
        Path | None, typer.Option(help="A picture of which class was taken for which (.png, .svg).")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="What an encoder's vectors are cut to. Default: whole.", min=1),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a saved task on labelled data: all together, and by class."""
    options = dict(locals())
    from playmask.cli.bars import waiting

    with waiting("loading…"):
        from playmask.cli.actions.evaluate import Request, run

    run(Request(**options))
