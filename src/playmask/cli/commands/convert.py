"""`playmask convert`: a checkpoint in another format."""

from pathlib import Path
from typing import Annotated

import typer


def convert(
    source: Annotated[str, typer.Argument(metavar="SRC", help="The checkpoint to convert.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder to write.")],
    to: Annotated[str, typer.Option(help="playmask, google, huggingface or megatron.")],
    heads: Annotated[
        str | None, typer.Option(help="Such as pool,mlm (default: all it has); '' is none.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16.")] = None,
    family: Annotated[
        str | None, typer.Option(help="The family, where the checkpoint does not tell.")
    ] = None,
    ignore: Annotated[
        str | None, typer.Option(help="Configuration keys to overlook, such as a,b.")
    ] = None,
    container: Annotated[
        str | None, typer.Option(help="For huggingface: safetensors (the default) or bin.")
    ] = None,
    shard_bytes: Annotated[
        int | None, typer.Option(help="For huggingface: files of at most so many bytes.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is not empty.")
    ] = False,
) -> None:
    """Write a checkpoint in another format.

    The result is loaded again, and has to compute the very same as the original.
    """
    from playmask.cli.actions.checkpoint import print_report
    from playmask.cli.actions.convert import Conversion, run
    from playmask.cli.output import note

    files = {"container": container, "shard_bytes": shard_bytes}
    conversion = Conversion(to, heads, dtype, family, ignore, files)
    report, difference, values = run(source, target, conversion, force=force)
    print_report(report)
    note(f"saved in {target}; loaded again, {values:,} outputs differ by at most {difference:g}")
