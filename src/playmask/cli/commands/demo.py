"""`playmask demo`: the whole way from real reviews to a classifier that is used."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Where the task and the pictures go.")] = Path(
        "runs/demo"
    ),
    data: Annotated[
        Path | None,
        typer.Option(help="A folder with the reviews. Default: those here."),
    ] = None,
) -> None:
    """Train, evaluate and use a small classifier.

    The data are Chinese reviews that come along; takes about 3 minutes on 2 cores.
    """
    from playmask.cli.guard import Interrupted
    from playmask.cli.output import no_results, note
    from playmask.experiments.demo import run

    try:
        with no_results():
            run(out, data=data, say=note)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the demo begins anew next time") from None
