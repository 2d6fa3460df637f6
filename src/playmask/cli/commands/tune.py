"""`playmask tune …`: one command for each task that is registered, as `playmask train` has."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from playmask.cli.command_tables import described
from playmask.cli.commands.train import TaskCommands, parameters_of_task

if TYPE_CHECKING:
    from playmask.cli.options import Parameters
    from playmask.tasks.settings import TaskSettings

SEARCH = "Search"
LEFT = {"resume": False, "force": False, "folds": None, "ensemble": False}
"""Options of a training that no search has."""


def _parameters(settings: "type[TaskSettings]") -> "Parameters":
    """Those of a training, and those of the search."""
    from playmask.cli.options import parameter

    training = {k: v for k, v in parameters_of_task(settings).items() if k not in LEFT}
    panel = {"rich_help_panel": SEARCH}
    such = "such as 'learning_rate=1e-5..1e-3 log;batch_size=16,32'"
    space = f"Values to try, {such}. Default: the usual ones."
    return {
        **training,
        "trials": parameter(int, "Trainings in all. Default: 20.", min=1, **panel),
        "space": parameter(str, space, **panel),
        "no_pruning": parameter(
            bool, "Train bad trials to their end, too.", "--no-pruning", **panel
        ),
    }


class TuningCommands(TaskCommands):
    """A command for each registered task, made when it is asked for."""

    def callback_of(self, settings: "type[TaskSettings]") -> Callable[..., None]:
        """What the command of a task does: it searches for its best options."""

        def tune(**options: Any) -> None:
            from playmask.cli.actions.run_folder import Job
            from playmask.cli.actions.tune import Search, run

            search = Search(**{field: options.pop(field) for field in Search._fields})
            options |= LEFT
            job = Job(**{name: options.pop(name) for name in Job._fields if name in options})
            run(settings, job, options, search)

        about = (
            "The options that are given are those of all trials. The same command goes on after "
            "Ctrl-C; the best task is in OUT/best."
        )
        return described(tune, f"{settings.summary}\n\n{about}", _parameters(settings))


app = typer.Typer(
    cls=TuningCommands, help="Search for the best options of a training.", no_args_is_help=True
)


@app.callback()
def _tune() -> None:
    """Search for the best options of a training."""
