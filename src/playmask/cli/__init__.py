"""The command line. Each command imports what it needs when it runs, so that --help is quick."""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command (default: the process's own arguments); leaves with SystemExit."""
    from playmask.cli.app import app

    app(arguments)
