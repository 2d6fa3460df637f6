"""A folder for programs that are compiled once: private, since what lies there is run."""

import contextlib
import os
import shutil
import stat
import warnings

OTHERS = stat.S_IRWXG | stat.S_IRWXO
WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def private_cache(name: str) -> str | None:
    """Make a folder in the user's cache that is nobody else's; None where there can be none.

    What others could write into before is emptied; what is owned by somebody else is left alone,
    with a warning.
    """
    home = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(home):
        home = os.path.expanduser("~/.cache")
    outer = os.path.join(home, "playmask")
    inner = os.path.join(outer, name)
    try:
        os.makedirs(home, exist_ok=True)
        for folder in (outer, inner):
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
            if not _is_ours(folder):
                warnings.warn(
                    f"{folder} belongs to somebody else, so what JAX compiles is not kept there; "
                    "set XDG_CACHE_HOME to a folder of yours.",
                    stacklevel=3,
                )
                return None
        if os.stat(inner).st_mode & WRITABLE:  # who knows what others have put there
            _empty(inner)
        for folder in (outer, inner):
            if os.stat(folder).st_mode & OTHERS:
                os.chmod(folder, 0o700)
    except OSError:  # no home, or one that cannot be written into
        return None
    return inner


def _is_ours(folder: str) -> bool:
    """Whether a folder, and the link that leads to it, belong to this user."""
    if not hasattr(os, "geteuid"):  # Windows, where a user's folders are private
        return os.path.isdir(folder)
    owners = {os.stat(folder).st_uid, os.lstat(folder).st_uid}
    return owners == {os.geteuid()} and os.path.isdir(folder)


def _empty(folder: str) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry)
        else:
            os.unlink(entry)
