"""`playmask experiment NAME`: a paper's claims on real texts."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def experiment(
    name: Annotated[
        str | None, Argument(metavar="NAME", help="The experiment; --list names all.")
    ] = None,
    listing: Annotated[bool, Option("--list", help="List the experiments.")] = False,
    scale: Annotated[str, Option(help="The scale: smoke, default or gpu.")] = "default",
    data: Annotated[
        Path | None, Option(help="The folder of the data sets. Default: PLAYMASK_DATA.")
    ] = None,
    model: Annotated[
        Path | None, Option(help="The pretrained encoder that fine-tuning starts from.")
    ] = None,
    out: Annotated[Path, Option(help="Where results are kept, one file a trial.")] = Path(
        "runs/experiments"
    ),
    seeds: Annotated[
        str | None, Option(help="Seeds such as 0,1. Default: the scale's own.")
    ] = None,
    only: Annotated[
        str | None, Option(help="Run these variants alone, such as vanilla,random.")
    ] = None,
    report: Annotated[
        Path | None, Option(help="A folder for the report: a page, pictures, raw results.")
    ] = None,
    redraw: Annotated[
        bool, Option("--redraw", help="Write the report anew from its raw results; train nothing.")
    ] = False,
) -> None:
    """Test a paper's claims: train all variants, measure them, compare.

    What is finished is kept, so that the same command goes on after Ctrl-C. --scale smoke takes
    about a minute and needs no data.
    """
    from playmask.cli.actions.experiment import Wish, run, show_list
    from playmask.errors import ConfigError

    if listing:
        return show_list(scale)
    if name is None:
        raise ConfigError("Name an experiment; playmask experiment --list shows them.")
    return run(name, Wish(scale, data, out, seeds, only, report, model, redraw))
