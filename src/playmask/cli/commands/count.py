"""`playmask count`: what a model costs, sub-layer by sub-layer."""

from typing import Annotated

import typer


def count(
    model: Annotated[str, typer.Argument(help="A family such as bert, or a checkpoint's path.")],
    length: Annotated[int, typer.Option(help="Tokens of a text.")] = 128,
    batch: Annotated[int, typer.Option(help="Texts of a batch.")] = 1,
    target_length: Annotated[
        int | None, typer.Option(help="Tokens of the decoder's text (default: as many).")
    ] = None,
    heads: Annotated[str, typer.Option(help="Heads to count: mlm,pool,nsp,discriminator.")] = "",
    half: Annotated[
        bool, typer.Option("--half", help="Activations take 2 bytes (bfloat16, float16), not 4.")
    ] = False,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="A line for every block, not one for all alike.")
    ] = False,
    family: Annotated[str | None, typer.Option(help="The family, where it is not clear.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count parameters, multiply-adds and activation memory, forward and in training."""
    from playmask.checkpoints import architecture
    from playmask.cli.actions.count import print_counts, to_json
    from playmask.cli.output import print_json
    from playmask.inspection.cost import count as counted

    counts = counted(
        architecture(model, family=family),
        heads=tuple(name for name in heads.split(",") if name),
        length=length,
        batch=batch,
        target_length=target_length,
        size=2 if half else 4,
    )
    if as_json:
        print_json(to_json(counts))
    else:
        print_counts(model, counts, blocks=blocks)
