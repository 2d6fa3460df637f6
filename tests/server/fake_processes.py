"""A server of a task that computes nothing, as processes: python fake_processes.py PORT WORKERS.

Every process imports this file, so that each has the fake task in place of saved ones.
"""

import os
import sys
import time
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parents[1]))

from playmask.errors import CheckpointError
from playmask.server.limits import ApiKeys
from playmask.server.options import ServerOptions
from playmask.server.workers import serve
from server.asking import Fake


class Slow(Fake):
    """Says which process answers, after a while."""

    def predict(self, rows, schema=None):
        time.sleep(0.05)
        return [{"text": row, "process": os.getpid()} for row in rows]


def load_served(name, directory):
    if name == "none":
        raise CheckpointError("There is no task.")
    return Slow(name)


fake = ModuleType("playmask.server.task_served")
fake.load_served = load_served
sys.modules[fake.__name__] = fake

if __name__ == "__main__":
    port, workers, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    options = ServerOptions(port=port, workers=workers, max_batch=1, timeout=20)
    serve({name: Path(name)}, options, ApiKeys())
