"""`playmask compare`: trainings beside each other."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def compare(
    runs: Annotated[
        list[Path], Argument(metavar="RUN…", help="Folders of trainings, such as runs/*.")
    ],
    out: Annotated[Path | None, Option(help="A picture of their curves: a .png or .svg.")] = None,
    as_json: Annotated[bool, Option("--json", help="JSON in place of the table.")] = False,
) -> None:
    """Compare trainings: options that differ, the best epoch, its measures, the time.

    The best of them stands first.
    """
    from playmask.cli.actions.compare import run

    run(runs, out=out, as_json=as_json)
