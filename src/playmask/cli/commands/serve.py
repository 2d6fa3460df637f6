"""`playmask serve`: saved tasks over HTTP."""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument

from playmask.cli.command_tables import NEEDED, described
from playmask.cli.options import parameter, parameters_of
from playmask.server.options import ServerOptions

ABOUT = """Serve saved tasks over HTTP, each under the name of its folder, or as NAME=DIR.

POST /predict, /v1/embeddings, /v1/rerank, /v1/completions; GET /health, /ready, /metrics, and a
page of examples at /. Ends with SIGTERM or Ctrl-C, when what was taken is answered. Needs
playmask[serve].
"""
KEYS = "Keys, one a line, of which requests need one; also PLAYMASK_API_KEYS. Default: none."


def _serve(**options: Any) -> None:
    from playmask.cli.actions.serve import run

    run(options.pop("directories"), options.pop("api_key_file"), options)


serve = described(
    _serve,
    ABOUT,
    {
        "directories": (
            Annotated[list[str], Argument(metavar="DIR…", help="Saved tasks.")],
            NEEDED,
        ),
        **parameters_of(ServerOptions),
        "api_key_file": parameter(Path, KEYS),
    },
)
