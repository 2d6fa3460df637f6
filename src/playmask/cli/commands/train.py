"""`playmask train …`: one command for each task that is registered."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from playmask.cli.command_tables import NEEDED, RecipeCommands, described, flag

if TYPE_CHECKING:
    from playmask.cli.options import Parameters
    from playmask.tasks.settings import TaskSettings


def parameters_of_task(settings: "type[TaskSettings]") -> "Parameters":
    """The arguments and options of a task's command; recipes are imported when it is asked for."""
    from playmask.cli.options import Devices, NewModel, parameter, parameters_of
    from playmask.runtime.train.options import TrainingOptions

    return {
        "train": (Annotated[Path, Argument(metavar="TRAIN", help=settings.data)], NEEDED),
        "out": (Annotated[Path, Option(help="The folder the task is saved in.")], NEEDED),
        "validation": parameter(Path, "Data of the same form that tell the best epoch."),
        "model": parameter(str, "A pretrained model: a path, a hub's name, or zh-small (Chinese)."),
        "family": parameter(str, "The model's family, where it does not tell itself."),
        "new": parameter(bool, "Start from a small random model.", "--new"),
        **parameters_of(TrainingOptions, grouped=False),
        **parameters_of(settings),
        "columns": parameter(
            str, "Columns of the files: label,text,_ in order, or text=NAME,label=NAME."
        ),
        **parameters_of(NewModel),
        "skip_bad": flag("--skip-bad", "Leave bad lines out."),
        "resume": flag("--resume", "Go on after an interruption."),
        "force": flag("--force", "Replace the task that --out holds; it goes at once."),
        "folds": parameter(int, "Cross-validate by so many parts of the data, each its own fold."),
        "ensemble": flag("--ensemble", "With --folds: --out predicts by the mean of the folds."),
        **parameters_of(TrainingOptions, grouped=True),
        **parameters_of(Devices),
    }


class TaskCommands(RecipeCommands):
    """A command for each registered task, made when it is asked for."""

    def recipes(self) -> "Mapping[str, type[TaskSettings]]":
        """The settings of the tasks."""
        from playmask.tasks.registry import SETTINGS

        return SETTINGS

    def callback_of(self, settings: "type[TaskSettings]") -> Callable[..., None]:
        """What the command of a task does: it trains."""

        def train(**options: Any) -> None:
            from playmask.cli.actions.start import start

            start(settings, options)

        about = "The best epoch is kept. What can be wrong is said before training begins."
        return described(train, f"{settings.summary}\n\n{about}", parameters_of_task(settings))


app = typer.Typer(cls=TaskCommands, help="Train a task on data of your own.", no_args_is_help=True)


@app.callback()
def _train() -> None:
    """Train a task on data of your own."""
