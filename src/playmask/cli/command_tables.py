"""Commands that are made of recipes: one for each in a table, made when it is asked for."""

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option
from typer.main import get_command_from_info
from typer.models import CommandInfo

from playmask.cli.guard import Suggesting
from playmask.cli.help_pages import Grouped

if TYPE_CHECKING:
    from playmask.cli.options import Parameters

NEEDED = inspect.Parameter.empty


def flag(name: str, text: str) -> tuple[Any, bool]:
    """An option without a value."""
    return Annotated[bool, Option(name, help=text)], False


class RecipeCommands(Suggesting):
    """A command for each recipe of a table."""

    def recipes(self) -> Mapping[str, Any]:
        """The recipes by the names of their commands."""
        raise NotImplementedError

    def callback_of(self, settings: Any) -> Callable[..., None]:
        """What the command of a recipe does."""
        raise NotImplementedError

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands."""
        return [*self.recipes()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a recipe, or None where there is none."""
        settings = self.recipes().get(cmd_name)
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
