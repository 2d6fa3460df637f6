"""`playmask prune`: a smaller checkpoint or task, of some of the tokens and blocks."""

from pathlib import Path
from typing import Annotated

import typer


def prune(
    source: Annotated[str, typer.Argument(metavar="MODEL", help="A checkpoint, or a task.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.")],
    texts: Annotated[
        list[Path] | None,
        typer.Option(help="Keep the tokens of these texts: a line each, or a table."),
    ] = None,
    minimum: Annotated[int, typer.Option(help="Keep those that occur so many times.", min=1)] = 1,
    most: Annotated[
        int | None, typer.Option(help="Keep at most so many tokens, the most frequent.", min=1)
    ] = None,
    blocks: Annotated[
        str | None, typer.Option(help="Keep these blocks, such as 0,4,8, or so many, such as 3.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is not empty.")
    ] = False,
) -> None:
    """Write a smaller model, or task, of the tokens of some texts and of some blocks.

    With fewer tokens it says of those texts the very same as before. With fewer blocks it is a
    beginning, to be trained on: playmask train … --teacher.
    """
    from playmask.cli.bars import waiting

    with waiting("loading…"):
        from playmask.cli.actions.prune import Pruning, run
    run(Pruning(source, target, tuple(texts or ()), minimum, most, blocks, force))
