"""`playmask predict`: a saved task at work on texts, as JSON lines."""

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[
    Path | None,
    typer.Option(help="A folder for the answers, in parts; the same command again goes on."),
]
Workers = Annotated[
    int | None, typer.Option(help="With --out: processes that answer at once. Default: 1.")
]
Engine = Annotated[
    str | None, typer.Option(help="With --out: processes, serial or ray. Default: processes.")
]
Id = Annotated[str | None, typer.Option("--id", help="With --out: the column that names each row.")]
PartRows = Annotated[int | None, typer.Option(help="With --out: rows of a part. Default: 5000.")]
"""The options of bulk inference, see `BulkOptions`."""


def predict(
    task_directory: Annotated[Path, typer.Argument(metavar="TASK_DIR", help="A saved task.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="One text per line, or a .tsv, .csv, .xlsx or .jsonl (.gz); - or nothing is "
            "stdin. With --out a .parquet too, or a folder.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="A text, in place of a file; may be repeated.")
    ] = None,
    pair: Annotated[
        list[str] | None, typer.Option(help="The second text of each --text, for pairs.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="The table's columns: text,pair,_ in order, or text=NAME.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="What an encoder's vectors are cut to. Default: whole.", min=1),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
    submission: Annotated[
        Path | None, typer.Option(help="Write a competition's file, in place of the lines.")
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(help="What a task uie finds: a name, JSON of names, nested, or its file."),
    ] = None,
    out: Out = None,
    workers: Workers = None,
    engine: Engine = None,
    id_column: Id = None,
    part_rows: PartRows = None,
) -> None:
    """Use a saved task on texts: label them, find what is in them, answer, write, fill gaps [MASK].

    Prints one line of JSON for each text, in their order, as soon as it is known. With --out all
    rows of a file go to a folder, each with all its columns, by as many processes as are wanted.
    """
    options = dict(locals())
    from playmask.cli.actions.predict_request import Request

    request = Request(**options)
    if out is not None:  # no Keras in this process, which hands rows on
        from playmask.cli.actions import bulk

        bulk.run(request, out)
        return
    from playmask.cli.bars import waiting

    with waiting("loading…", results=submission is None):
        from playmask.cli.actions.predict import run

    run(request)
