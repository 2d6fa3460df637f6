"""`playmask play`: a page to try tasks, and to look into them."""

from typing import Annotated

from typer import Argument, Option

PORT = 8008


def play(
    directories: Annotated[
        list[str] | None,
        Argument(metavar="[DIR…]", help="Saved tasks, each under its folder's name, or NAME=DIR."),
    ] = None,
    port: Annotated[
        int, Option(min=1, max=65535, help="The port of this machine's own address.")
    ] = PORT,
) -> None:
    """Open a page to try saved tasks and zh-small, which comes along, and to look into them.

    Answers, similar sentences, beams as they are written; attention by layer and head; what carried
    an answer; masks as orders; parts of the attention switched. Nobody but this machine can see it.
    Ends with Ctrl-C. Needs playmask[serve].
    """
    from playmask.cli.actions.play import run

    run(directories or (), port)
