"""`playmask export`: a saved task, or a model, as ONNX."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    source: Annotated[str, typer.Argument(metavar="DIR", help="A saved task, or a checkpoint.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.")],
    heads: Annotated[
        str | None, typer.Option(help="Heads of a checkpoint: pool,mlm (default: all it has).")
    ] = None,
    mask: Annotated[
        str | None, typer.Option(help="Mask of a checkpoint: full, lm or unilm.")
    ] = None,
    cached: Annotated[
        bool,
        typer.Option(
            "--cached", help="Export the graph of a checkpoint that writes token by token."
        ),
    ] = False,
    quantize: Annotated[
        str | None, typer.Option(help="Weights in 8 bits, a quarter of the size: int8; or none.")
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Texts that tell the ranges of activations; else each batch does."),
    ] = None,
    evaluate: Annotated[
        Path | None, typer.Option(help="Examples on which 8 bits are measured beside float32.")
    ] = None,
    max_loss: Annotated[
        float | None,
        typer.Option(help="Points of the main measure that 8 bits may cost on --evaluate."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a task or a model as ONNX, for other runtimes.

    The graph takes any batch and length. It is run and compared with the model first; where they
    differ by more than 2e-5 of the largest value, nothing is written.

    With --quantize int8 the weights are in 8 bits then. With --max-loss those that 8 bits harm most
    stay in float32, until the bound holds and 98 % of the answers are the same.
    """
    options = dict(locals())
    from playmask.cli.bars import waiting

    with waiting("loading…"):
        from playmask.cli.actions.export import Request, run
    run(Request(**options))
