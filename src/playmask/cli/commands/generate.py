"""`playmask generate`: texts written by a saved task, or by a model as it was published."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option


def generate(
    directory: Annotated[
        str, typer.Argument(metavar="DIR", help="A saved task, or a model with its tokenizer.")
    ],
    prompts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROMPT]…",
            help='What to go on from; "" = nothing. Without any: one a line from stdin.',
            show_default=False,
        ),
    ] = None,
    input_file: Annotated[
        Path | None, Option("--input", help="A file of prompts, one a line; - is stdin.")
    ] = None,
    interactive: Annotated[
        bool, Option("--interactive", help="Ask for one prompt after another; Ctrl-D ends.")
    ] = False,
    label: Annotated[
        str | None, Option(help="What the text is to be like, where the task was trained so.")
    ] = None,
    max_tokens: Annotated[
        int | None,
        Option(min=1, help="New tokens at most. Default: as the task has learnt, or 64."),
    ] = None,
    beams: Annotated[
        int | None, Option(min=1, help="Keep so many texts at each step, and print the best.")
    ] = None,
    samples: Annotated[
        int | None,
        Option(min=1, help="Draw so many texts of each prompt, instead of the likeliest."),
    ] = None,
    temperature: Annotated[float | None, Option(help="Draw; below 1: more of the likely.")] = None,
    top_k: Annotated[int | None, Option(help="Draw from so many likeliest tokens.")] = None,
    top_p: Annotated[
        float | None, Option(help="Draw from the likeliest that together have this chance.")
    ] = None,
    min_p: Annotated[
        float | None, Option(help="Draw from those this many times as likely as the likeliest.")
    ] = None,
    repetition_penalty: Annotated[float | None, Option(help="Above 1: fewer repetitions.")] = None,
    no_repeat: Annotated[
        int | None, Option(min=1, help="So many tokens in a row never come twice.")
    ] = None,
    seed: Annotated[int, Option(help="Seed of what is drawn.")] = 0,
    dtype: Annotated[str | None, Option(help="As bfloat16, float16 or int8.")] = None,
    as_json: Annotated[
        bool, Option("--json", help="Print a line of JSON for each prompt: new texts and scores.")
    ] = False,
) -> None:
    """Write texts: how prompts go on, or what a sequence-to-sequence task makes of them.

    The likeliest token each time, unless --beams, --samples or how to draw is given.
    """
    options = dict(locals())
    from playmask.cli.bars import waiting

    with waiting("loading…", results=True):
        from playmask.cli.actions.generate import Request, run
    run(Request(**options))
