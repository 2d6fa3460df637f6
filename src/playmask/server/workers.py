"""Processes that serve: one, or several beside one another of which one that dies is replaced."""

import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from playmask.errors import ConfigError, PlaymaskError
from playmask.server.limits import ApiKeys
from playmask.server.logs import LOGGER, LOGGING
from playmask.server.metrics import SHARED
from playmask.server.options import ServerOptions
from playmask.tasks.bulk.processes import when_parent_ends

STARTING = 120  # seconds that a process may take to import what it needs, or else it is replaced


def serve(places: Mapping[str, Path], options: ServerOptions, keys: ApiKeys) -> None:
    """Serve the tasks in some directories until SIGTERM or Ctrl-C, then finish what was taken.

    places: the directories by the names of the tasks
    Raises: what loading a task raises, of one process; ConfigError where several could not start,
            or the address is taken
    """
    several = options.workers > 1
    config = uvicorn.Config(
        partial(application, dict(places), options, keys, several=several),
        factory=True,
        host=options.host,
        port=options.port,
        workers=options.workers,
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(options.timeout) + 1,
        timeout_worker_healthcheck=STARTING,
    )
    (_serve_several if several else _serve_alone)(config)


def application(
    places: Mapping[str, Path], options: ServerOptions, keys: ApiKeys, *, several: bool
) -> Any:
    """The application of a process; one of several that cannot load its tasks ends them all."""
    if several:
        when_parent_ends(partial(os.kill, os.getpid(), signal.SIGTERM))
    from playmask.server.app import create_app
    from playmask.server.task_served import load_served

    try:
        served = [load_served(name, place) for name, place in places.items()]
    except PlaymaskError as error:
        if not several:
            raise
        LOGGER.error(str(error))
        sys.exit(STARTUP_FAILURE)
    return create_app(served, options, keys, warm_first=several)


def _serve_alone(config: uvicorn.Config) -> None:
    config.load()  # the tasks, before the port is open: what is wrong with them is raised here
    # uvicorn raises the signal that ended it once more, when all is done: then it is to do nothing.
    before = {number: signal.signal(number, _nothing) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        uvicorn.Server(config).run()
    except SystemExit:
        raise _refused(config) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve_several(config: uvicorn.Config) -> None:
    with ExitStack() as stack:
        if not os.environ.get(SHARED):
            os.environ[SHARED] = stack.enter_context(tempfile.TemporaryDirectory())
            stack.callback(os.environ.pop, SHARED)
        try:
            socket = stack.enter_context(config.bind_socket())
        except SystemExit:
            raise _refused(config) from None
        supervisor = Multiprocess(config, sockets=[socket])
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise ConfigError("The processes cannot start; the log says why.")


def _refused(config: uvicorn.Config) -> ConfigError:
    return ConfigError(f"{config.host}:{config.port} cannot be listened at; the log says why.")


def _nothing(*_: object) -> None:
    """Nothing, in place of the process's end."""
