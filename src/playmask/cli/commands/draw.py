"""`playmask draw …`: masks, and what a model looks at; in the terminal or as a picture."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from playmask.cli.guard import Suggesting
from playmask.cli.help_pages import Grouped

app = typer.Typer(
    cls=Suggesting, help="Draw a mask, or what a model looks at.", no_args_is_help=True
)

OUT = "A .png or .svg; without it, the drawing is for the terminal."


@app.command("mask", cls=Grouped)
def mask(
    order: Annotated[
        str, Argument(metavar="ORDER", help="The order: full, lm, unilm, turns, or permutation.")
    ],
    segments: Annotated[
        str | None,
        Option(help="Segments such as 0,0,0,1,1: 1 is target. unilm and turns need them."),
    ] = None,
    ranks: Annotated[
        str | None, Option(help="When each token is read, for permutation, such as 2,0,3,1.")
    ] = None,
    length: Annotated[
        int | None, Option(min=1, max=512, help="Number of tokens. Default: 8.")
    ] = None,
    window: Annotated[
        int | None, Option(min=1, help="Only what is less than so many positions away.")
    ] = None,
    positions: Annotated[
        str | None, Option(help="Positions such as 0,1,2,0,1, for --window. Default: 0,1,2,…")
    ] = None,
    same_text: Annotated[
        bool, Option("--same-text", help="Only the own text, where --texts packs several.")
    ] = False,
    texts: Annotated[
        str | None, Option(help="The number of each token's text, such as 0,0,0,1,1.")
    ] = None,
    out: Annotated[Path | None, Option(help=OUT)] = None,
) -> None:
    """Draw who may look at whom: a row for each query, ■ where it may look."""
    from playmask.cli.actions import draw as drawing

    sites = {"segments": segments, "ranks": ranks, "positions": positions, "texts": texts}
    toy = drawing.Toy.read(order, length, sites)
    drawing.draw_mask(toy, window=window, same_text=same_text, out=out)


@app.command("attention", cls=Grouped)
def attention(
    path: Annotated[
        str, Argument(metavar="PATH", help="A checkpoint, a saved task, or a hub's name.")
    ],
    text: Annotated[str, Argument(metavar="TEXT", help="The text that is looked at.")],
    pair: Annotated[str | None, Option(help="The second text, for pairs.")] = None,
    layer: Annotated[str | None, Option(help="Layers such as 0 or 0,3. Default: all.")] = None,
    head: Annotated[str | None, Option(help="Heads such as 0 or 0,3. Default: all.")] = None,
    out: Annotated[Path | None, Option(help=OUT)] = None,
    family: Annotated[
        str | None, Option(help="The family, where the checkpoint does not tell.")
    ] = None,
) -> None:
    """Draw what each token looks at.

    In the terminal: for each token and head the most attended token, shaded by how much; or, of
    one head over a short text, a cell for each pair. Of an encoder-decoder, the encoder.
    """
    from playmask.cli.actions.draw import numbers
    from playmask.cli.output import note, print_text
    from playmask.inspection.attention_maps import draw_attention
    from playmask.tasks.saving import load_reader

    layers, heads = numbers("--layer", layer), numbers("--head", head)
    model = load_reader(path, family=family)
    maps = draw_attention(model, text, out, pair=pair, layers=layers, heads=heads)
    if out is None:
        print_text(str(maps))
    else:
        note(f"The picture is in {out}.")


@app.command("captions")
def captions(
    task_directory: Annotated[Path, Argument(metavar="TASK_DIR", help="A saved captioner.")],
    data: Annotated[
        Path,
        Argument(metavar="IMAGES", help="An image, a folder of them, or a .jsonl with captions."),
    ],
    out: Annotated[Path, Option(help="A .png or .svg.")],
    count: Annotated[int, Option(min=1, help="Images at most.")] = 12,
    beams: Annotated[int, Option(min=1, help="Captions that are followed at once.")] = 1,
) -> None:
    """Draw images with the captions below that a task writes of them; wrong ones are coloured."""
    from playmask.cli.actions.draw import draw_captions_of

    draw_captions_of(task_directory, data, out, count=count, beams=beams)
