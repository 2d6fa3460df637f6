"""`playmask whiten`: an encoder whose vectors are whitened."""

from pathlib import Path
from typing import Annotated

import typer


def whiten(
    task_directory: Annotated[
        Path, typer.Argument(metavar="TASK_DIR", help="A saved encoder of sentences.")
    ],
    file: Annotated[
        Path, typer.Argument(metavar="TEXTS", help="Texts like those in use: one a line (.gz).")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder of the new encoder.")],
    size: Annotated[
        int | None, typer.Option(help="Size of the new vectors. Default: all that vary.", min=1)
    ] = None,
    dialect: Annotated[
        str, typer.Option(help="The form it is saved in: playmask or sentence-transformers.")
    ] = "playmask",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
) -> None:
    """Whiten an encoder: vectors without a mean and without correlations, and smaller ones.

    It takes no training, only the vectors of some thousand texts (Su 2021, BERT-whitening).
    """
    options = dict(locals())
    from playmask.cli.actions.whiten import Request, run

    run(Request(**options))
