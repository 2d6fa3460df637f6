"""`playmask-serve DIR…`: exported tasks over HTTP, as by `playmask serve`."""

import sys
from functools import partial
from importlib.util import find_spec

import playmask_serve  # noqa: F401  # finds playmask

PACKAGES = ("fastapi", "prometheus_client", "typer", "uvicorn")


def main() -> None:
    """Serve until the end; leaves with SystemExit."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        sys.exit(
            f"playmask-serve: A server needs {', '.join(missing)}: "
            "pip install 'playmask-serve[http]'."
        )
    import typer

    from playmask.cli.commands.serve import serve
    from playmask.cli.guard import show_warnings, status

    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.command()(serve)
    show_warnings()
    run = partial(typer.main.get_command(app), prog_name="playmask-serve", standalone_mode=False)
    sys.exit(status(run))
