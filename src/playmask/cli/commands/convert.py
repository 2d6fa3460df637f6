"""`playmask convert`: a checkpoint in another format."""

from pathlib import Path
from typing import Annotated

import typer


def convert(
    source: Annotated[str, typer.Argument(metavar="SRC", help="The checkpoint to convert.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder to write.")],
    to: Annotated[
        str, typer.Option(help="The format: playmask, google, huggingface or megatron.")
    ] = "playmask",
    heads: Annotated[
        str | None, typer.Option(help="Heads such as pool,mlm (default: all it has); '' is none.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="As float32, bfloat16 or float16.")] = None,
    family: Annotated[
        str | None, typer.Option(help="The family, where the checkpoint does not tell.")
    ] = None,
    ignore: Annotated[
        str | None, typer.Option(help="Configuration keys to overlook, such as a,b.")
    ] = None,
    container: Annotated[
        str | None,
        typer.Option(help="For huggingface: safetensors or bin; for playmask: int8, a quarter."),
    ] = None,
    shard_bytes: Annotated[
        int | None, typer.Option(help="For huggingface: files of at most so many bytes.")
    ] = None,
    config: Annotated[str | None, typer.Option(help="The configuration's file.")] = None,
    task: Annotated[
        str | None, typer.Option(help="The task whose head bert4keras' weights hold, such as tag.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Labels of the task, such as a,b, in the order of their ids.")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="Vocabulary of the task, where none lies beside it.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Settings of the task: multiplier=1000.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is not empty.")
    ] = False,
) -> None:
    """Write a checkpoint in another format.

    The result, loaded again, has to compute the very same; of 8 bits the difference is said. With
    --task it is a task as `playmask train` makes it, with the head that bert4keras trained.
    """
    from playmask.cli.bars import waiting

    with waiting("loading…"):
        from playmask.cli.actions.convert import Conversion, TrainedTask, convert
    files = {"container": container, "shard_bytes": shard_bytes}
    conversion = Conversion(to, heads, dtype, family, ignore, config, files)
    trained = None if task is None else TrainedTask(task, labels, tokenizer, settings or ())
    convert(source, target, conversion, trained, force=force)
