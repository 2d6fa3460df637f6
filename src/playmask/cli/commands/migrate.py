"""`playmask migrate SCRIPT.py`: what each name of a bert4keras script has become."""

from pathlib import Path
from typing import Annotated

import typer


def migrate(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT.py", help="A script of bert4keras.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="Write the skeleton of a new script there.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what each name of a bert4keras script has become, and begin a new one.

    The script is read, not run. Its task is guessed, and a skeleton of the new script printed.
    """
    from playmask.cli.actions.migrate import print_report, report_of, to_json, write_skeleton
    from playmask.cli.messages import language
    from playmask.cli.output import print_json

    printed = output is None and not as_json
    report = report_of(script, language() if printed else "en")
    if output is not None:
        write_skeleton(report, output, force=force)
    if as_json:
        print_json(to_json(report))
    else:
        print_report(report, with_skeleton=output is None)
