"""The commands, put together."""

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
from playmask.cli.output import print_text

app = typer.Typer(
    name="playmask",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # with rich, --help would take three times as long
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Transformers for NLP on Keras: train a task, use it, look into checkpoints.",
)

app.command("demo")(demo.demo)
app.add_typer(train.app, name="train")
app.command("new")(new.new)
app.command("run")(run.run)
app.add_typer(pretrain.app, name="pretrain")
app.add_typer(tune.app, name="tune")
app.command("compare")(compare.compare)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("search")(search.search)
app.command("rerank")(rerank.rerank)
app.command("mine")(mine.mine)
app.command("whiten")(whiten.whiten)
app.command("annotate")(annotate.annotate)
app.command("generate")(generate.generate)
app.command("explain")(explain.explain)
app.command("serve")(serve.serve)
app.command("play")(play.play)
app.add_typer(draw.app, name="draw")
app.command("inspect")(inspect.inspect)
app.command("convert")(convert.convert)
app.command("export")(export.export)
app.command("prune")(prune.prune)
app.command("count")(count.count)
app.command("families")(families.families)
app.command("experiment")(experiment.experiment)
app.command("doctor")(doctor.doctor)


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
