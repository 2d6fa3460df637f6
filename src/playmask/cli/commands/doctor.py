"""`playmask doctor`: what this machine offers, and what is amiss."""

from typing import Annotated

import typer


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Examine this installation.

    Versions, the backend, devices, memory and speed, with hints where something is off.
    """
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
