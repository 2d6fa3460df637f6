"""`playmask train …`: one command for each task that is registered."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option
from typer.main import get_command_from_info
from typer.models import CommandInfo

from playmask.cli.guard import Suggesting

if TYPE_CHECKING:
    from playmask.cli.options import Parameters
    from playmask.tasks.settings import TaskSettings

NEEDED = inspect.Parameter.empty


def _flag(name: str, text: str) -> tuple[Any, bool]:
    return Annotated[bool, Option(name, help=text)], False


def parameters_of_task(settings: "type[TaskSettings]") -> "Parameters":
    """The arguments and options of a task's command; recipes are imported when it is asked for."""
    from playmask.cli.options import NewModel, parameter, parameters_of
    from playmask.runtime.train.options import TrainingOptions

    return {
        "train": (Annotated[Path, Argument(metavar="TRAIN", help=settings.data)], NEEDED),
        "out": (Annotated[Path, Option(help="The folder the task is saved in.")], NEEDED),
        "validation": parameter(Path, "Data of the same form that tell the best epoch."),
        "model": parameter(str, "A pretrained model: a path or a hub's name."),
        "family": parameter(str, "The model's family, where it does not tell itself."),
        "new": parameter(bool, "Start from a small random model.", "--new"),
        **parameters_of(TrainingOptions, grouped=False),
        **parameters_of(settings),
        "columns": parameter(str, "Of the files: label,text,_ in order, or text=NAME,label=NAME."),
        **parameters_of(NewModel),
        "skip_bad": _flag("--skip-bad", "Leave bad lines out."),
        "resume": _flag("--resume", "Go on after an interruption."),
        "force": _flag("--force", "Replace the task that --out holds; it goes at once."),
        "folds": parameter(int, "Cross-validate by so many parts of the data, each its own fold."),
        "ensemble": _flag("--ensemble", "With --folds: --out predicts by the mean of the folds."),
        "devices": parameter(str, "On so many devices, or all; JAX alone."),
        "model_parallel": parameter(int, "So many devices hold one model, its weights split."),
        "coordinator": parameter(
            str, "HOST:PORT where several processes meet, or auto in a cluster."
        ),
        "processes": parameter(int, "With --coordinator: how many processes there are."),
        "process_id": parameter(int, "With --coordinator: which one this is, from 0."),
        **parameters_of(TrainingOptions, grouped=True),
    }


class TaskCommands(Suggesting):
    """A command for each registered task, made when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the tasks."""
        from playmask.tasks.registry import SETTINGS

        return [*SETTINGS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a task, or None where there is none."""
        from playmask.cli.options import Grouped
        from playmask.tasks.registry import SETTINGS

        settings = SETTINGS.get(cmd_name)
        if settings is None:
            return None
        info = CommandInfo(
            name=cmd_name,
            cls=Grouped,
            callback=self.callback_of(settings),
            short_help=settings.summary,
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        )
        return get_command_from_info(info, pretty_exceptions_short=False, rich_markup_mode=None)

    def callback_of(self, settings: "type[TaskSettings]") -> Callable[..., None]:
        """What the command of a task does: it trains."""

        def train(**options: Any) -> None:
            from playmask.cli.actions import folds
            from playmask.cli.actions.run_folder import Job
            from playmask.cli.actions.train import run

            job = Job(**{field: options.pop(field) for field in Job._fields})
            (folds.run if job.folds is not None or job.ensemble else run)(settings, job, options)

        about = "The best epoch is kept. What can be wrong is said before training begins."
        return described(train, f"{settings.summary}\n\n{about}", parameters_of_task(settings))


def described(
    function: Callable[..., None], text: str, parameters: "Parameters"
) -> Callable[..., None]:
    """A function of options by name, with the help and the parameters of a command."""
    function.__doc__ = text
    function.__annotations__ = {key: kind for key, (kind, _) in parameters.items()}
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for key, (kind, default) in parameters.items()
        ]
    )
    return function


app = typer.Typer(cls=TaskCommands, help="Train a task on data of your own.", no_args_is_help=True)


@app.callback()
def _train() -> None:
    """Train a task on data of your own."""
