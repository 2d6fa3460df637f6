"""Serving from the command line: which tasks under which names, and what is missing for it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playmask.errors import CheckpointError, ConfigError
from playmask.server.options import ServerOptions

KEYS = "PLAYMASK_API_KEYS"


def run(directories: Sequence[str], key_file: Path | None, options: dict[str, Any]) -> None:
    """Serve until the end."""
    places = places_of(directories)
    chosen = {name: value for name, value in options.items() if value is not None}
    if isinstance(chosen.get("cors"), str):
        chosen["cors"] = tuple(each.strip() for each in chosen["cors"].split(","))
    settings = ServerOptions.of(**chosen)
    with needing_packages():
        from playmask.server.limits import ApiKeys
        from playmask.server.workers import serve
    keys = ApiKeys.of(key_file, os.environ.get(KEYS, ""))
    serve(places, settings, keys)


@contextmanager
def needing_packages() -> Iterator[None]:
    """Say which package is missing where a server's modules are imported."""
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).startswith("playmask"):
            raise
        raise ConfigError(
            f"A server needs the package {error.name!r}: pip install 'playmask[serve]'."
        ) from None


def places_of(directories: Sequence[str]) -> dict[str, Path]:
    """The folders by the names of their tasks.

    Raises: ConfigError for two of one name; CheckpointError where there is no folder
    """
    places: dict[str, Path] = {}
    for each in directories:
        name, mark, path = each.partition("=")
        place = Path(path if mark else each)
        if not place.is_dir():
            raise CheckpointError(f"There is no folder {place}.")
        name = name if mark else place.resolve().name
        if not name or name in places:
            raise ConfigError(f"Two tasks are called {name!r}; name one of them: NAME={place}.")
        places[name] = place
    return places
