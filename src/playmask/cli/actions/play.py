"""The page to play with, from the command line."""

from collections.abc import Sequence

from playmask.cli.actions.serve import needing_packages, places_of
from playmask.cli.messages import translated
from playmask.cli.output import note
from playmask.server.options import LOOPBACK


def run(directories: Sequence[str], port: int) -> None:
    """Serve the page until the end."""
    places = places_of(directories)
    with needing_packages():
        import uvicorn

        from playmask.play.app import create_page
        from playmask.play.played import built_in, load_played
        from playmask.server.workers import run_alone
    tasks = [*(load_played(*each) for each in places.items()), *built_in()]
    app = create_page(tasks, translated)
    note(f"http://{LOOPBACK}:{port}  (Ctrl-C ends it)")
    run_alone(
        uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning", access_log=False,
                       server_header=False, proxy_headers=False)
    )  # fmt: skip
