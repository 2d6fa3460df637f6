"""The commands, put together."""

from functools import partial
from typing import Annotated

import typer

import playmask
from playmask.cli.commands import (
    annotate,
    compare,
    convert,
    count,
    demo,
    doctor,
    draw,
    evaluate,
    experiment,
    explain,
    export,
    families,
    generate,
    inspect,
    migrate,
    mine,
    new,
    play,
    predict,
    pretrain,
    prune,
    rerank,
    run,
    search,
    serve,
    train,
    tune,
    whiten,
)
from playmask.cli.guard import Commands
from playmask.cli.help_pages import Grouped
from playmask.cli.output import print_text

app = typer.Typer(
    name="playmask",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # with rich, --help would take three times as long
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Transformers for NLP on Keras: train a task, use it, look into checkpoints.",
)

command = partial(app.command, cls=Grouped)
command("demo")(demo.demo)
app.add_typer(train.app, name="train")
command("new")(new.new)
command("run")(run.run)
app.add_typer(pretrain.app, name="pretrain")
app.add_typer(tune.app, name="tune")
command("compare")(compare.compare)
command("evaluate")(evaluate.evaluate)
command("predict")(predict.predict)
command("search")(search.search)
command("rerank")(rerank.rerank)
command("mine")(mine.mine)
command("whiten")(whiten.whiten)
command("annotate")(annotate.annotate)
command("generate")(generate.generate)
command("explain")(explain.explain)
command("serve")(serve.serve)
command("play")(play.play)
app.add_typer(draw.app, name="draw")
command("inspect")(inspect.inspect)
command("convert")(convert.convert)
command("migrate")(migrate.migrate)
command("export")(export.export)
command("prune")(prune.prune)
command("count")(count.count)
command("families")(families.families)
command("experiment")(experiment.experiment)
command("doctor")(doctor.doctor)


def _version(requested: bool) -> None:
    if requested:
        print_text(f"playmask {playmask.__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error (anywhere in the line).")
    ] = False,
) -> None:
    """Options of the program itself; --debug is read before the line is parsed (see guard)."""
