"""`playmask inspect`: what a checkpoint is, without loading it."""

from pathlib import Path
from typing import Annotated

import typer


def inspect(
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help="A folder, a prefix, a file, a task, a hub's name."),
    ],
    tensors: Annotated[
        bool, typer.Option("--tensors", help="Also list what a load would do with each tensor.")
    ] = False,
    family: Annotated[
        str | None, typer.Option(help="The family, where the checkpoint does not tell.")
    ] = None,
    ignore: Annotated[
        str | None, typer.Option(help="Configuration keys to overlook, such as a,b.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="The configuration, where it lies elsewhere.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a checkpoint is.

    Its format, family, sizes, heads and tokenizer; the weights are not loaded.
    """
    from playmask.cli.actions.checkpoint import print_report
    from playmask.cli.actions.inspect import describe_checkpoint, print_description
    from playmask.cli.input_texts import split
    from playmask.cli.output import print_json

    place = Path(path).expanduser() if Path(path).exists() else path
    description = describe_checkpoint(place, family, split(ignore) or (), config)
    if as_json:
        print_json(description.to_json(tensors=tensors))
        return
    print_description(description)
    if tensors:
        print_report(description.report)
