"""`playmask mine`: hard negatives for the pairs of a file."""

from pathlib import Path
from typing import Annotated

import typer


def mine(
    task_directory: Annotated[
        Path, typer.Argument(metavar="TASK_DIR", help="A saved encoder of sentences.")
    ],
    data: Annotated[Path, typer.Argument(metavar="PAIRS", help="Pairs of similar sentences.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where they are written: a .jsonl.")],
    negatives: Annotated[int, typer.Option(help="Negatives for each pair.", min=1)] = 5,
    first: Annotated[int, typer.Option(help="The best rank of a negative.", min=1)] = 1,
    last: Annotated[int, typer.Option(help="The last rank of a negative.", min=1)] = 50,
    margin: Annotated[
        float | None,
        typer.Option(help="How much less similar than the pair a negative is at least (cosine)."),
    ] = None,
    highest: Annotated[float | None, typer.Option(help="The largest cosine of a negative.")] = None,
    draw: Annotated[
        bool, typer.Option("--draw", help="Draw among the ranks, not the most similar ones.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of what is drawn.")] = 0,
    sentences: Annotated[
        Path | None,
        typer.Option(help="More sentences that negatives are looked for in: one a line (.gz)."),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="The encoder's prompt for texts, by name, such as query.")
    ] = None,
    sentence_prompt: Annotated[
        str | None, typer.Option(help="The encoder's prompt for sentences, such as passage.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="The file's columns: text,pair,_ in order, or text=NAME.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
) -> None:
    """Find hard negatives: sentences that an encoder takes for similar to a text, and are not.

    What is linked with a text by pairs is none of its negatives. The file that is written is one to
    train on: playmask train similar OUT --loss infonce --language-model 0 …
    """
    options = dict(locals())
    from playmask.cli.actions.mine import Request, run

    run(Request(**options))
