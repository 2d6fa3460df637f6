"""`playmask families`: what loads, from which formats, with which masks and heads."""

from typing import Annotated

import typer


def families(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table as Markdown.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell which families load, from which formats, with which masks and heads."""
    from playmask.cli.actions.families_table import HEADER, markdown_table, rows
    from playmask.cli.output import print_json, print_table, print_text

    if as_json:
        print_json([dict(zip(HEADER, row, strict=True)) for row in rows()])
    elif markdown:
        print_text(markdown_table())
    else:
        print_table("families", rows(), header=HEADER)
