"""`playmask pretrain …`: one command for each objective."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from playmask.cli.command_tables import NEEDED, RecipeCommands, described, flag

if TYPE_CHECKING:
    from playmask.cli.options import Parameters
    from playmask.pretraining.settings import PretrainingSettings

ABOUT = "Documents are packed into full rows. The best epoch is kept, for playmask.load."
TEXTS = "Documents: .txt (a blank line ends one), .jsonl, .gz of both, or folders of them."
RATE = "Learning rate per step. Default: 1e-4 for a new model, 2e-5 for another."


def parameters_of_objective(settings: "type[PretrainingSettings]") -> "Parameters":
    """The arguments and options of an objective's command."""
    from playmask.cli.options import Devices, parameter, parameters_of
    from playmask.pretraining.settings import ELSEWHERE
    from playmask.runtime.train.options import TrainingOptions

    several = list[Path]
    training = [
        {name: each for name, each in parameters_of(TrainingOptions, grouped=grouped).items()
         if name not in ELSEWHERE}
        for grouped in (False, True)
    ]  # fmt: skip
    return {
        "texts": (Annotated[several, Argument(metavar="TEXTS…", help=TEXTS)], NEEDED),
        "out": (Annotated[Path, Option(help="The folder the model is saved in.")], NEEDED),
        "validation": parameter(several, "Documents that tell the best epoch.", metavar="PATH"),
        "model": parameter(str, "A pretrained model: a path or a hub's name."),
        "family": parameter(str, "The model's family, where it does not tell itself."),
        "architecture": parameter(
            str, "A new model: an architecture.json, a config.json, or a family's name."
        ),
        "tokenizer": parameter(
            Path, "Tokenizer of a new model: a vocab.txt, a tokenizer.json, a folder."
        ),
        **training[0],
        "learning_rate": parameter(float, RATE),
        **parameters_of(settings),
        "dialects": parameter(
            str, "Dialects that are also saved, in OUT/NAME: huggingface, google."
        ),
        "resume": flag("--resume", "Go on after an interruption."),
        "force": flag("--force", "Replace what --out holds; it goes at once."),
        **training[1],
        **parameters_of(Devices),
    }


class ObjectiveCommands(RecipeCommands):
    """A command for each objective, made when it is asked for."""

    def recipes(self) -> "Mapping[str, type[PretrainingSettings]]":
        """The settings of the objectives."""
        from playmask.pretraining.registry import SETTINGS

        return SETTINGS

    def callback_of(self, settings: "type[PretrainingSettings]") -> Callable[..., None]:
        """What the command of an objective does: it trains."""

        def pretrain(**options: Any) -> None:
            from playmask.cli.actions.devices import spread
            from playmask.cli.actions.pretrain import Job, run

            spread(options)
            run(settings, Job(**{field: options.pop(field) for field in Job._fields}), options)

        parameters = parameters_of_objective(settings)
        return described(pretrain, f"{settings.summary}\n\n{ABOUT}", parameters)


app = typer.Typer(
    cls=ObjectiveCommands, help="Train a model on texts without labels.", no_args_is_help=True
)


@app.callback()
def _pretrain() -> None:
    """Train a model on texts without labels."""
