"""Processes that serve: one, or several beside one another of which one that dies is replaced."""

import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from playmask.errors import ConfigError, PlaymaskError
from playmask.server.limits import ApiKeys
from playmask.server.logs import LOGGER, log, write_logs
from playmask.server.metrics import SHARED
from playmask.server.options import ServerOptions
from playmask.tasks.bulk.processes import Share, when_parent_ends

IDLE = 75  # seconds that a connection is kept: longer than the 60 of proxies, or they lose requests
PAUSE = 1.0  # seconds between two starts of the same worker at least
LOOK = 0.2  # seconds until a signal is seen
PATIENCE = 5.0  # seconds that a worker has to end, beyond what a request may take
ENDING = (signal.SIGTERM, signal.SIGINT)


class Job(NamedTuple):
    """What a process serves: tasks' directories by their names, how, and to whom."""

    places: Mapping[str, Path]
    options: ServerOptions
    keys: ApiKeys

    def config(self, *, warm_first: bool) -> uvicorn.Config:
        """The configuration of a server of a process."""
        options = self.options
        write_logs()
        return uvicorn.Config(
            partial(self.application, warm_first=warm_first),
            factory=True,
            host=options.host,
            port=options.port,
            http="h11",  # which bounds a request's head; httptools takes any that does not end
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=int(options.timeout) + 1,
        )

    def application(self, *, warm_first: bool) -> Any:
        """Load the tasks; what they need is imported now."""
        from playmask.server.app import create_app
        from playmask.server.task_served import load_served

        served = [load_served(name, place) for name, place in self.places.items()]
        return create_app(served, self.options, self.keys, warm_first=warm_first)


def serve(places: Mapping[str, Path], options: ServerOptions, keys: ApiKeys) -> None:
    """Serve the tasks in some directories until SIGTERM or Ctrl-C, then finish what was taken.

    Raises: what loading a task raises, of one process; ConfigError where several could not start,
            or the address is taken
    """
    job = Job(dict(places), options, keys)
    (_serve_alone if options.workers == 1 else _serve_several)(job)


def _serve_alone(job: Job) -> None:
    config = job.config(warm_first=False)
    config.load()  # the tasks, before the port is open: what is wrong with them is raised here
    run_alone(config)


def run_alone(config: uvicorn.Config) -> None:
    """Run one server in this process until SIGTERM or Ctrl-C, then finish what was taken.

    Raises: ConfigError where the address is taken
    """
    # uvicorn raises the signal that ended it once more, when all is done: then it is to do nothing.
    with _handled(lambda *_: None):
        try:
            uvicorn.Server(config).run()
        except SystemExit:
            raise _taken(config) from None


def _serve_several(job: Job) -> None:
    with _shared_numbers(), _listening(job) as own:
        supervisor = Supervisor(job, own)
        with _handled(supervisor.end):
            supervisor.run()
    if supervisor.failed:
        raise ConfigError("A process cannot start; the log says why.")


class Supervisor:
    """Keeps as many workers as there are to be, all of which listen at one socket."""

    def __init__(self, job: Job, own: socket.socket) -> None:
        self.job, self.socket = job, own
        self.ending = self.failed = False
        self._workers: dict[int, Any] = {}
        self._begun: dict[int, float] = {}

    def end(self, *_: object) -> None:
        """Let the workers finish what they took."""
        self.ending = True

    def run(self) -> None:
        """Start workers, and replace those that die, until the end."""
        numbers = range(self.job.options.workers)
        while not self.ending:
            for number in numbers:
                self._keep(number)
            wait([worker.sentinel for worker in self._workers.values()], LOOK)
        for worker in self._workers.values():
            worker.terminate()
        until = time.monotonic() + self.job.options.timeout + PATIENCE
        for worker in self._workers.values():
            worker.join(max(0.0, until - time.monotonic()))
            worker.kill()
            worker.join()

    def _keep(self, number: int) -> None:
        """See that a worker lives; one that could not even start ends them all."""
        worker = self._workers.get(number)
        if worker is not None and worker.is_alive():
            return
        if worker is not None:
            if worker.exitcode == STARTUP_FAILURE:
                self.ending = self.failed = True
                return
            if time.monotonic() < self._begun[number] + PAUSE:
                return
            log("worker died", worker=number, exitcode=worker.exitcode)
        share = Share(number, self.job.options.workers)
        worker = get_context("spawn").Process(target=work, args=(self.job, self.socket, share))
        worker.start()
        self._workers[number], self._begun[number] = worker, time.monotonic()


def work(job: Job, own: socket.socket, share: Share) -> None:
    """What a worker does: serve at a socket that it shares, once its shapes are compiled."""
    when_parent_ends(partial(os.kill, os.getpid(), signal.SIGTERM))
    share.take()
    config = job.config(warm_first=True)
    try:
        config.load()
    except PlaymaskError as error:
        LOGGER.error(str(error))
        sys.exit(STARTUP_FAILURE)
    with _handled(lambda *_: None):
        uvicorn.Server(config).run(sockets=[own])


@contextmanager
def _handled(act: Callable[..., None]) -> Iterator[None]:
    """Do something at the signals that end a server, in place of ending at once."""
    before = {number: signal.signal(number, act) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listening(job: Job) -> Iterator[socket.socket]:
    config = job.config(warm_first=True)
    try:
        own = config.bind_socket()
    except SystemExit:
        raise _taken(config) from None
    with own:
        own.listen(config.backlog)  # who comes before a worker is ready waits
        yield own


@contextmanager
def _shared_numbers() -> Iterator[None]:
    """A folder for the metrics of all workers together, unless the environment names one."""
    if os.environ.get(SHARED):
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ[SHARED] = folder
        try:
            yield
        finally:
            del os.environ[SHARED]


def _taken(config: uvicorn.Config) -> ConfigError:
    where = f"{config.host}:{config.port}"
    return ConfigError(f"{where} cannot be listened at; the log says why.")
