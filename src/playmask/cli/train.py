"""`playmask train …`: one command for each task."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train a task on labelled data.", no_args_is_help=True)

NEW = "For a new model"


@app.callback()
def _tasks() -> None:
    """Keeps `train` a group, though it has one command so far."""


@app.command("classify")
def classify(
    train: Annotated[Path, typer.Argument(help="Labelled texts: .tsv, .csv or .jsonl (.gz).")],
    out: Annotated[Path, typer.Option(help="The folder the task is saved in.")],
    validation: Annotated[
        Path | None, typer.Option(help="Labelled texts that tell which epoch is the best.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A pretrained model: a folder, a checkpoint, or a hub's name.")
    ] = None,
    new: Annotated[
        bool | None, typer.Option("--new", help="Start from a small model with random weights.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, show_default="3")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, show_default="32")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(show_default="2e-5; 1e-3 with --new")
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(min=4, show_default="128", help="Tokens that a text is cut to."),
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(show_default="mean_max", help="mean_max, mean, first or pooled.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(show_default="those of the training file", help="Such as a,b,c.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="The files' columns, such as text,label; _ is ignored.")
    ] = None,
    seed: Annotated[int | None, typer.Option(show_default="0")] = None,
    warm_up: Annotated[
        float | None, typer.Option(show_default="0.1", help="Part of the steps.")
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(show_default="0.01")] = None,
    width: Annotated[int | None, typer.Option(min=1, show_default="128", help=NEW)] = None,
    depth: Annotated[int | None, typer.Option(min=1, show_default="2", help=NEW)] = None,
    attention_heads: Annotated[int | None, typer.Option(min=1, show_default="4", help=NEW)] = None,
    vocabulary: Annotated[int | None, typer.Option(min=64, show_default="8000", help=NEW)] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted training in --out.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the task that --out holds.")
    ] = False,
) -> None:
    """Train a classifier of texts, or of pairs of texts, and keep the best epoch."""
    given = dict(locals())
    from playmask.cli.training import Job, run

    run(Job(**{name: given.pop(name) for name in Job._fields}), given)
