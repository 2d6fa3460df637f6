"""`playmask doctor`: what this machine offers, and what is amiss."""

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="TASK_DIR",
            help="Measure instead how fast a saved task is here, by itself and exported.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Examine this installation.

    Versions, the backend, devices, memory and speed, with hints where something is off. With
    --export: the speed of a task in each format that is installed, and which one to take.
    """
    if export is not None:
        from playmask.cli.actions import export_speed

        export_speed.run(export, as_json)
        return
    from playmask.cli.actions import doctor as examining
    from playmask.cli.output import note, print_json, print_table

    findings, hints = examining.examine()
    if as_json:
        print_json({"findings": findings, "hints": hints})
        return
    print_table("playmask doctor", findings.items())
    for hint in hints:
        note(f"hint: {hint}")
    note("" if hints else "all is well")
