"""The command line. Each command imports what it needs when it runs, so that --help is quick."""

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command (default: the process's own arguments); leaves with SystemExit."""
    from playmask.cli.app import app

    try:
        app(arguments)
    except SystemExit as leaving:
        if leaving.code != 130:
            raise
        # After Ctrl-C, threads of the backend may still be at work and crash while Python ends.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)
