"""`playmask train …`: one command for each task."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

app = typer.Typer(help="Train a task on labelled data.", no_args_is_help=True)


@app.callback()
def _tasks() -> None:
    """Keeps `train` a group, though it has one command so far."""


@app.command("classify")
def classify(
    train: Annotated[Path, Argument(metavar="TRAIN", help="Labelled texts: .tsv, .csv, .jsonl.")],
    out: Annotated[Path, Option(help="The folder the task is saved in.")],
    validation: Annotated[
        Path | None, Option(help="Labelled texts that tell the best epoch.")
    ] = None,
    model: Annotated[str | None, Option(help="A pretrained model: a path or a hub's name.")] = None,
    family: Annotated[
        str | None, Option(help="The model's family, where it does not tell itself.")
    ] = None,
    new: Annotated[bool | None, Option("--new", help="Start from a small random model.")] = None,
    epochs: Annotated[int | None, Option(min=1, help="Default: 3.")] = None,
    batch_size: Annotated[int | None, Option(min=1, help="Default: 32.")] = None,
    learning_rate: Annotated[
        float | None, Option(help="Per step. Default: 2e-5, or 1e-3 with --new.")
    ] = None,
    max_length: Annotated[
        int | None, Option(min=4, help="Tokens a text is cut to. Default: 128.")
    ] = None,
    pooling: Annotated[
        str | None, Option(help="mean_max, mean, first, last or pooled. Default: mean_max.")
    ] = None,
    labels: Annotated[
        str | None, Option(help="Such as a,b,c. Default: those of the training file.")
    ] = None,
    columns: Annotated[str | None, Option(help="Of the files, such as label,text,_.")] = None,
    seed: Annotated[int | None, Option(help="Of everything random. Default: 0.")] = None,
    warm_up: Annotated[float | None, Option(help="Part of the steps. Default: 0.1.")] = None,
    weight_decay: Annotated[float | None, Option(help="Default: 0.01.")] = None,
    width: Annotated[int | None, Option(min=1, help="With --new. Default: 128.")] = None,
    depth: Annotated[int | None, Option(min=1, help="With --new. Default: 2.")] = None,
    attention_heads: Annotated[int | None, Option(min=1, help="With --new. Default: 4.")] = None,
    vocabulary: Annotated[int | None, Option(min=64, help="With --new. Default: 8000.")] = None,
    skip_bad: Annotated[bool, Option("--skip-bad", help="Leave bad lines out.")] = False,
    resume: Annotated[bool, Option("--resume", help="Go on after an interruption.")] = False,
    force: Annotated[
        bool, Option("--force", help="Replace the task that --out holds; it goes at once.")
    ] = False,
) -> None:
    """Train a classifier of texts or of pairs.

    The best epoch is kept. Everything that can be wrong is told before training begins.
    """
    given = dict(locals())
    from playmask.cli.settings import Job
    from playmask.cli.training import run

    run(Job(**{name: given.pop(name) for name in Job._fields}), given)
