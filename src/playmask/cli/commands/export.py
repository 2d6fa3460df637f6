"""`playmask export`: a saved task, or a model, as ONNX."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    source: Annotated[str, typer.Argument(metavar="DIR", help="A saved task, or a checkpoint.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.")],
    heads: Annotated[
        str | None, typer.Option(help="Of a checkpoint: pool,mlm (default: all it has).")
    ] = None,
    mask: Annotated[str | None, typer.Option(help="Of a checkpoint: full, lm or unilm.")] = None,
    cached: Annotated[
        bool, typer.Option("--cached", help="Of a checkpoint: writes token by token.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a task or a model as ONNX, for other runtimes.

    The graph takes any batch and length. It is run and compared with the model first; where they
    differ by more than 2e-5 of the largest value, nothing is written.
    """
    options = dict(locals())
    from playmask.cli.actions.export import Request, run

    run(Request(**options))
