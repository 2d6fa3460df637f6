"""The command line. Each command imports what it needs when it runs, so that --help is quick."""

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command (default: the process's own arguments); leaves with SystemExit."""
    from playmask.cli.guard import ABRUPT, show_warnings, status

    def run() -> None:
        from playmask.cli.app import app

        app(arguments)

    show_warnings()
    try:
        sys.exit(status(run))
    except SystemExit as leaving:
        code = leaving.code
        if not isinstance(code, int) or (code not in ABRUPT and not (code and _has_peers())):
            raise
        # Threads of the backend may still be at work, or wait for another process that is lost.
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)


def _has_peers() -> bool:
    """Whether other processes train with this one, which would wait for each other's end."""
    known = sys.modules.get("playmask.runtime.peer_processes")
    return known is not None and known.peers() > 1
