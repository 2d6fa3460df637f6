"""Forked processes: a model does not survive a fork, since the threads that compute do not."""

import os

from playmask.errors import BusyError


class _Process:
    """Whether a model was made in it, and whether that was so when it was forked."""

    computes = False
    forked = False


def _after_fork() -> None:
    _Process.forked = _Process.computes


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def check_process() -> None:
    """See that this process may compute, and note that it does.

    Raises: BusyError in a process that was forked from one that had a model
    """
    if _Process.forked:
        raise BusyError(
            "This process was forked from one that had used a model already, whose threads it "
            "lacks, so that it would wait for ever; load models in each worker, after the fork "
            "(gunicorn: without --preload), or start workers by multiprocessing's 'spawn'."
        )
    _Process.computes = True
