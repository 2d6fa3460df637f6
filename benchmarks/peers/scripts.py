"""Scripts run as they stand, up to the training that is watched. Runs on Python 3.7 too."""

import os
import re
import sys
import time

COLD = {"seconds": 0.0, "cold": 1.0}  # scripts measure themselves, also what is compiled


class Stop(Exception):
    """The script has come to the training that is watched."""


def names_of(path, changes, arguments, folder):
    """Run a script in a folder; what it has named when it ends or stops.

    changes: texts of the script and what stands there instead, such as paths; a text that does
    not occur is an error. A pattern begins with ^ and is matched by lines.
    """
    with open(path, encoding="utf-8") as file:
        source = file.read()
    for old, new in changes:
        pattern = old if old.startswith("^") else re.escape(old)
        source, count = re.subn(pattern, lambda found: new, source, flags=re.MULTILINE)  # noqa: B023
        if not count:
            raise ValueError("%r is not in %s" % (old, path))
    names = {"__name__": "__main__", "__file__": path}
    before = sys.argv
    sys.argv = [path, *arguments]
    os.chdir(folder)  # and stay there: what it goes on to read has relative paths
    try:
        exec(compile(source, path, "exec"), names)
    except Stop:
        pass
    finally:
        sys.argv = before
    return names


class Clock:
    """Seconds by the wall and by the processor, all cores together, since the last lap."""

    def __init__(self):
        self.lap()

    def lap(self):
        """The seconds since the last lap: [wall, processor]."""
        now = time.perf_counter(), time.process_time()
        passed = [a - b for a, b in zip(now, getattr(self, "last", now))]
        self.last = now
        return passed


def added(first, second):
    """Two laps together."""
    return [a + b for a, b in zip(first, second)]
